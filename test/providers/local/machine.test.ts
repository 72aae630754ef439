import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { hostKeyPair, privateKeyFile } from '../../../src/keys.ts';
import type { SshAccess } from '../../../src/machine.ts';
import type { Observation } from '../../../src/providers/provider.ts';
import { createLocalMachines } from '../../support/local-machines.ts';
import type { LocalMachines } from '../../support/local-machines.ts';
import { collect, connectTo } from '../../support/ssh-client.ts';
import type { TestClient } from '../../support/ssh-client.ts';
import { isGone } from '../../support/processes.ts';
import { until } from '../../support/until.ts';
import { keyOf, sshAccess } from '../../support/ssh-access.ts';

let machines: LocalMachines;
let machine: Observation;
let access: SshAccess;
let client: TestClient;

beforeAll(async () => {
  machines = await createLocalMachines({ inProcess: true });
  machine = await machines.one();
  access = sshAccess(machine.access);
});
beforeEach(async () => {
  client = await connectTo(access);
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
});
afterAll(async () => {
  await machines[Symbol.asyncDispose]();
});

describe('a command on a local machine', () => {
  it('runs in the home, which only the owner may enter, as a login of the caller', async () => {
    const home = machines.home(machine.id);
    expect(await client.text('pwd')).toBe(home);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    const environment = new Map(
      (await client.text('env')).split('\n').map((line) => line.split('=', 2) as [string, string]),
    );
    expect(environment.get('HOME')).toBe(home);
    expect(environment.get('USER')).toBe(userInfo().username);
    expect(environment.get('PATH')).toBe(process.env['PATH']);
    const known = /^(?:HOME|USER|LOGNAME|SHELL|PATH|PWD|OLDPWD|SHLVL|_|LANG|LC_[A-Z]+|TZ|TMPDIR)$/;
    expect([...environment.keys()].filter((name) => !known.test(name))).toEqual([]);
  });

  it.each([0, 1, 3, 255])('passes exit code %i on', async (code) => {
    expect(await client.run(`exit ${code}`)).toMatchObject({ code, signal: null });
  });

  it.each([
    ['KILL', 'SIGKILL'],
    ['TERM', 'SIGTERM'],
    ['HUP', 'SIGHUP'],
  ])('tells that it was ended by %s', async (name, signal) => {
    expect(await client.run(`kill -${name} $$`)).toMatchObject({ signal });
  });

  it('tells a signal that SSH has no word for as the shell does', async () => {
    expect(await client.run('kill -BUS $$')).toMatchObject({ code: 135, signal: null });
  });

  it('keeps a syntax error its own', async () => {
    const { code, stderr } = await client.run('if');
    expect(code).toBe(2);
    expect(stderr.toString()).toMatch(/syntax error/i);
  });

  it('gets its stdin byte for byte, megabytes of it', async () => {
    const bytes = Buffer.alloc(5_000_001, 'any \0 byte \xff\n', 'latin1');
    const { stdout, code } = await client.run('cat', bytes);
    expect(code).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
  });

  it('sends 10 MB in order, however slowly they are read', async () => {
    const channel = await client.open('seq 1 1400000');
    channel.pause();
    setTimeout(() => channel.resume(), 50);
    const { stdout } = await collect(channel);
    expect(stdout.length).toBeGreaterThan(10_000_000);
    expect(stdout.equals(execFileSync('seq', ['1', '1400000'], { maxBuffer: 2 ** 26 }))).toBe(true);
  });

  it('sends much on both outputs at once, neither doubled nor lost', async () => {
    const command = 'seq 1 700000 & seq 1 700000 >&2; wait; seq 1 700000 >&2; seq 1 700000';
    const { stdout, stderr } = await client.run(command);
    const expected = execFileSync('sh', ['-c', 'seq 1 700000; seq 1 700000'], { maxBuffer: 2 ** 26 });
    expect(stdout.equals(expected)).toBe(true);
    expect(stderr.equals(expected)).toBe(true);
  });

  it('sends each output once, when one and then the other has to wait for its reader', async () => {
    const channel = await client.open('seq 1 700000; seq 1 700000 >&2; echo end');
    await whenFull(channel);
    const stdout: Buffer[] = [];
    channel.on('data', (chunk: Buffer) => stdout.push(chunk));
    await whenFull(channel.stderr);
    const { stderr, code } = await collect(channel);
    const expected = execFileSync('seq', ['1', '700000'], { maxBuffer: 2 ** 26 });
    expect(code).toBe(0);
    expect(stderr.equals(expected)).toBe(true);
    expect(Buffer.concat(stdout).equals(Buffer.concat([expected, Buffer.from('end\n')]))).toBe(true);
  });

  it('need not read its stdin', async () => {
    const channel = await client.open('exec <&-; sleep 0.1; echo done');
    channel.write(Buffer.alloc(8_000_000));
    const { stdout, code } = await collect(channel);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: 'done\n' });
  });

  it('ends with its channel, as under sshd, while what left its session stays', async () => {
    const daemon = `setsid sh -c 'echo $$ >daemon; exec sleep 300' </dev/null >/dev/null 2>&1`;
    const channel = await client.open(
      `${daemon} & until [ -s daemon ]; do sleep 0.01; done; echo $(cat daemon) $$; sleep 300`,
    );
    const [chunk] = (await once(channel, 'data')) as [Buffer];
    const [detached = 0, shell = 0] = chunk.toString().trim().split(' ').map(Number);
    channel.close();
    await until(() => isGone(shell));
    expect(isGone(detached)).toBe(false);
    process.kill(detached);
  });

  it('takes none of its children along: one may be on its way to a session of its own', async () => {
    const channel = await client.open('sleep 300 & echo $! $$; wait');
    const [chunk] = (await once(channel, 'data')) as [Buffer];
    const [child = 0, shell = 0] = chunk.toString().trim().split(' ').map(Number);
    channel.close();
    await until(() => isGone(shell));
    expect(isGone(child)).toBe(false);
    process.kill(child);
  });

  it('ends with its connection too, even when it does not read what it is sent', async () => {
    const second = await connectTo(access);
    const channel = await second.open('echo $$; sleep 300');
    const [chunk] = (await once(channel, 'data')) as [Buffer];
    channel.write(Buffer.alloc(4_000_000));
    second.client.destroy();
    await until(() => isGone(Number(chunk.toString())));
  });

  it('gets signals', async () => {
    const channel = await client.open(
      'trap "echo got it; exit 7" USR1; echo ready; while :; do sleep 0.05; done',
    );
    await once(channel, 'data');
    channel.signal('USR1');
    expect(await collect(channel)).toMatchObject({ code: 7, stdout: Buffer.from('got it\n') });
  });

  it('is told why it cannot start', async () => {
    const [id = ''] = await machines.launch(1);
    await using homeless = await machines.connect(id);
    await homeless.text('rmdir "$HOME"');
    const { code, stderr } = await homeless.run('true');
    expect(code).toBe(255);
    expect(stderr.toString()).toContain('Cannot start /bin/sh: ');
  });

  it('is a shell without a terminal when none is given', async () => {
    const channel = await client.shell();
    channel.end('pwd\nexit 4\n');
    expect(await collect(channel)).toMatchObject({
      code: 4,
      stdout: Buffer.from(`${machines.home(machine.id)}\n`),
    });
  });

  it('is refused beyond ten at a time on one connection', async () => {
    const open = await Promise.all(Array.from({ length: 10 }, () => client.open('cat')));
    await expect(client.open('cat')).rejects.toThrow('open failure');
    await Promise.all(open.map((channel) => collect(channel.end())));
    expect(await client.text('echo again')).toBe('again');
  });
});

describe('the door of a local machine', () => {
  it('shows a host key that is known before the first connection', async () => {
    await expect(connectTo({ ...access, hostKey: hostKeyPair().publicKey })).rejects.toThrow('Host denied');
  });

  it.each([
    ['another key', { privateKey: privateKeyFile(hostKeyPair()) }],
    ['another user', { user: 'somebody' }],
  ])('is closed to %s', async (_name, login) => {
    await expect(connectTo(access, login)).rejects.toThrow('authentication methods failed');
  });

  it('stays open to others whatever a client sends', async () => {
    const sends = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('SSH-2.0-x\r\n'),
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(100_000, 0xff)]),
      Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.from([0, 0, 0, 12, 4, 20, 0, 0, 0, 0])]),
      Buffer.alloc(300_000, 'x'),
    ];
    await Promise.all(
      sends.map(async (bytes) => {
        const socket = createConnection({ host: access.host, port: access.port });
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.end(bytes).resume();
        await once(socket, 'close');
      }),
    );
    expect(await client.text('echo still here')).toBe('still here');
  });
});

describe('forward', () => {
  it.each(['127.0.0.1', 'localhost'])('to %s reaches the machine itself', async (host) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.write('hello ');
      socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end('bye'));
    });
    server.listen(0, access.host);
    await once(server, 'listening');
    const stream = await client.forward(host, (server.address() as AddressInfo).port);
    stream.end('you, ');
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('hello you, bye');
    server.close();
  });

  it('carries megabytes both ways', async () => {
    const server = createServer((socket) => socket.pipe(socket));
    server.listen(0, access.host);
    await once(server, 'listening');
    const stream = await client.forward('localhost', (server.address() as AddressInfo).port);
    const bytes = Buffer.alloc(6_000_000, '0123456789\n');
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(bytes);
    await once(stream, 'end');
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    server.close();
  });

  it('is refused where nothing listens', async () => {
    await expect(client.forward('localhost', 9)).rejects.toThrow('open failure');
  });
});

/** Waits until a stream that nobody reads gets no more: its sender waits. */
async function whenFull(stream: { readonly readableLength: number }): Promise<void> {
  let before = 0;
  let same = 0;
  await until(() => {
    same = stream.readableLength > 1_000_000 && stream.readableLength === before ? same + 1 : 0;
    before = stream.readableLength;
    return same > 10;
  });
}

it('the private key is readable by its owner only', () => {
  expect(statSync(keyOf(access)).mode & 0o777).toBe(0o600);
  expect(readFileSync(keyOf(access), 'utf8')).toContain('OPENSSH');
});
