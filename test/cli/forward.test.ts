import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/until.ts';
import { jsonLines, plan, workspace } from './command.ts';
import type { Program } from './program.ts';
import { startProgram } from './program.ts';

const PLAN = `
version: 1
name: two
levels:
  - name: all
    services:
      web: {}
      mine: { provider: operator }
`;

let space: Awaited<ReturnType<typeof workspace>>;
let address: string;
let server: Server;
let port: number;

beforeAll(async () => {
  space = await workspace({ 'two.yml': PLAN });
  const up = await plan(['up', 'two.yml', '--yes'], { cwd: space.path });
  expect(up.code, up.stderr).toBe(0);
  address = (await plan(['output', 'web.address'], { cwd: space.path })).stdout.trim();
  // A server of the machine: it listens at its address.
  server = createServer((socket) => socket.on('error', () => undefined).end(`from ${address}`));
  server.listen(0, address);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.close();
  const down = await plan(['down', 'two', '--yes'], { cwd: space.path });
  await space[Symbol.asyncDispose]();
  expect(down.code, down.stderr).toBe(0);
});

/** Begins to forward, and resolves once it says where it listens. */
async function forwarding(...argv: readonly string[]): Promise<Program> {
  const program = startProgram(space.path, ['forward', ...argv]);
  onTestFinished(async () => {
    program.kill('SIGKILL');
    await program.ended;
  });
  const over = { is: false };
  void program.ended.then(() => (over.is = true));
  const count = argv.filter((word) => /^(\S+:)?\d+$/.test(word)).length;
  await until(() => over.is || program.stdout().split('\n').length > count);
  return program;
}

/** What is said there; nothing where the connection is reset. */
async function ask(host: string, to: number): Promise<string> {
  return await text(connect(to, host)).catch(() => '');
}

/** Connections that are open to an IPv4 address. */
function connectionsTo(ip: string): number {
  const hex = Buffer.from(ip.split('.').reverse().map(Number)).toString('hex').toUpperCase();
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((line) => new RegExp(`^ *\\d+: \\S+ ${hex}:\\S+ 01 `).test(line)).length;
}

function portsOf(stdout: string): readonly number[] {
  return [...stdout.matchAll(/^[^ ]*:(\d+) ->/gm)].map(([, found]) => Number(found));
}

describe('plan forward', () => {
  it('listens on this computer for ports of a machine until it is interrupted', async () => {
    const program = await forwarding('web-0', `0:${port}`, `127.0.0.2:0:${port}`);
    expect(program.stdout()).toMatch(
      new RegExp(`^127\\.0\\.0\\.1:\\d+ -> web-0:${port}\\n127\\.0\\.0\\.2:\\d+ -> web-0:${port}\\n$`),
    );
    const [first = 0, second = 0] = portsOf(program.stdout());
    expect(await Promise.all([ask('127.0.0.1', first), ask('127.0.0.2', second)])).toEqual([
      `from ${address}`,
      `from ${address}`,
    ]);
    program.kill('SIGINT');
    expect(await program.ended).toEqual({ code: 130, signal: null });
    expect(program.stderr()).toBe('');
    const again = await forwarding('web-0', `${first}:${port}`);
    again.kill('SIGTERM');
    expect(await again.ended).toEqual({ code: 143, signal: null });
  });

  it('leads all ports through one connection to the machine', async () => {
    const before = connectionsTo(address);
    await forwarding('web-0', `0:${port}`, '0:1', '0:2');
    expect(connectionsTo(address) - before).toBe(1);
  });

  it('says what the machine refuses, and goes on with the others', async () => {
    const program = await forwarding('web-0', '0:1', `0:${port}`);
    const [closed = 0, open = 0] = portsOf(program.stdout());
    expect(await ask('127.0.0.1', closed)).toBe('');
    await program.says('web-0:1: Cannot reach 127.0.0.1:1 on');
    expect(await ask('127.0.0.1', open)).toBe(`from ${address}`);
  });

  it('connects anew for the next client when the connection to the machine broke', async () => {
    const program = await forwarding('web-0', `0:${port}`);
    const [local = 0] = portsOf(program.stdout());
    expect(await ask('127.0.0.1', local)).toBe(`from ${address}`);
    const host = JSON.parse(readFileSync(join(space.path, '.plan/machines/host.json'), 'utf8')) as {
      readonly pid: number;
    };
    process.kill(host.pid, 'SIGKILL');
    // Nobody serves the machine now: whoever connects has it served again.
    await until(async () => (await ask('127.0.0.1', local)) === `from ${address}`);
  });

  it('leads to what only the machine can reach, and to this computer itself', async () => {
    const other = await forwarding('web-0', `0:${port}`, '--host', address);
    expect(other.stdout()).toMatch(new RegExp(` -> ${address}:${port} by way of web-0\\n$`));
    expect(await ask('127.0.0.1', portsOf(other.stdout())[0] ?? 0)).toBe(`from ${address}`);
    const mine = await forwarding('mine-0', `0:${port}`, '--host', address);
    expect(await ask('127.0.0.1', portsOf(mine.stdout())[0] ?? 0)).toBe(`from ${address}`);
  });

  it('tells programs what it does as JSON Lines', async () => {
    const program = startProgram(space.path, ['forward', 'web-0', '0:1', '--json']);
    await until(() => program.stdout().includes('listening'));
    const [version, listening] = jsonLines(program.stdout());
    expect([version?.['type'], version?.['format']]).toEqual(['version', 1]);
    const to = { host: '127.0.0.1', port: 1 };
    expect(listening).toMatchObject({ type: 'listening', machine: 'web-0', host: '127.0.0.1', to });
    await ask('127.0.0.1', Number(listening?.['port']));
    await until(() => program.stdout().includes('"error"'));
    expect(jsonLines(program.stdout()).at(-1)).toMatchObject({ type: 'error', machine: 'web-0', port: 1 });
    program.kill('SIGINT');
    expect((await program.ended).code).toBe(130);
  });

  it('says when a port is in use or is none, and listens on none', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const inUse = (taken.address() as AddressInfo).port;
    const ran = await plan(['forward', 'web-0', `0:${port}`, `${inUse}:80`], { cwd: space.path });
    taken.close();
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([
      1,
      '',
      `Cannot listen on "127.0.0.1:${inUse}": the port is in use\nChoose another one: 0 is any that is free.\n`,
    ]);
    for (const argv of [['web-0'], ['web-0', 'x'], ['gone-0', '80']])
      expect((await plan(['forward', ...argv], { cwd: space.path })).code).toBe(2);
    const elsewhere = await plan(['forward', 'web-0', '192.0.2.1:0:80'], { cwd: space.path });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      1,
      'Cannot listen on "192.0.2.1:0": this computer has no such address\n',
    ]);
  });
});
