import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { until } from '../support/until.ts';
import { collector, jsonLines, plan, workspace } from './command.ts';
import type { Program } from './program.ts';
import { startProgram } from './program.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

const SLOW = `
version: 1
name: slow
levels:
  - name: only
    services:
      sleeper:
        bootstrap: { run: 'echo "asleep"; sleep 60' }
`;

const MANY = `
version: 1
name: many
levels:
  - name: only
    services:
      sleeper:
        count: 60
        bootstrap: { run: 'echo "asleep"; sleep 60' }
  - name: above
    services:
      never: { count: 2 }
`;

let space: Awaited<ReturnType<typeof workspace>>;

function start(...argv: string[]): Program {
  return startProgram(space.path, argv);
}

beforeAll(async () => {
  space = await workspace({ 'slow.yml': SLOW, 'many.yml': MANY });
});

afterAll(async () => {
  await plan(['down', '--yes', 'slow', 'slower', 'many'], { cwd: space.path });
  await space[Symbol.asyncDispose]();
});

describe('the plan process', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ends within five seconds of %s with code %i, and says what still runs and how to go on',
    async (signal, code) => {
      const up = start('up', 'slow.yml', '-v', '--json', '--progress', 'plain');
      await up.says('asleep');
      const before = Date.now();
      up.kill(signal);
      expect(await up.ended).toEqual({ code, signal: null });
      expect(Date.now() - before).toBeLessThan(5_000);
      expect(up.stderr()).toMatch(
        /Interrupted: what was done so far is recorded\nStill running: 1 machine \(sleeper-0\)\nNext: plan up slow\.yml\n {6}plan down slow\n$/,
      );
      expect(jsonLines(up.stdout()).at(-1)).toMatchObject({
        type: 'result',
        outcome: 'interrupted',
        deployments: [{ deployment: 'slow', outcome: 'interrupted' }],
      });
    },
  );

  it('ends at once on a second signal', async () => {
    const up = start('up', 'slow.yml', '-v', '--name', 'slower');
    await up.says('asleep');
    up.kill('SIGTERM');
    up.kill('SIGINT');
    const { code } = await up.ended;
    expect([130, 143]).toContain(code);
  });

  it('follows logs and events until it is interrupted', async () => {
    const up = start('up', 'slow.yml', '-v');
    await up.says('asleep');
    const logs = start('logs', 'sleeper-0', '-d', 'slow', '--follow');
    const events = start('events', 'slow', '--follow', '--json');
    await until(() => logs.stdout().includes('asleep') && events.stdout().includes('step-started'));
    logs.kill('SIGINT');
    expect(await logs.ended).toEqual({ code: 130, signal: null });
    up.kill('SIGINT');
    expect(await up.ended).toEqual({ code: 130, signal: null });
    expect(await events.ended).toEqual({ code: 0, signal: null });
    expect(jsonLines(events.stdout()).at(-1)).toMatchObject({
      type: 'operation-ended',
      outcome: 'interrupted',
    });
  });

  it('ends following when the process of the operation is killed, and status says that it broke off', async () => {
    const up = start('up', 'slow.yml', '-v');
    await up.says('asleep');
    const followers = [
      start('logs', 'sleeper-0', '-d', 'slow', '--follow'),
      start('events', 'slow', '--follow', '--json', '--since', '1h'),
    ];
    await until(() => followers.every(({ stdout }) => /asleep|step-started/.test(stdout())));
    expect((await plan(['status', 'slow'], { cwd: space.path })).stdout).toMatch(
      /up by [^ ]+: under way, began/,
    );
    up.kill('SIGKILL');
    for (const follower of followers) {
      expect(await follower.ended).toEqual({ code: 0, signal: null });
      expect(follower.stderr()).toMatch(/^The up by [^ ]+ broke off: its process is gone\.\n$/);
    }
    const status = await plan(['status', 'slow'], { cwd: space.path });
    expect(status.stdout).toMatch(/up by [^ ]+: broke off, its process is gone, began [^ ]+ ago\n/);
    expect(status.code).toBe(1);
  });

  it('says within five seconds of an interrupt what of many machines still runs', async () => {
    const up = start('up', 'many.yml', '-v');
    await up.says('sleeper-59  bootstrap | asleep');
    const before = Date.now();
    up.kill('SIGINT');
    expect(await up.ended).toEqual({ code: 130, signal: null });
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(up.stderr()).toMatch(
      /Interrupted: [^\n]*\nStill running: 60 machines \(sleeper-0, [^\n]* and 48 more\)\nNext: plan up many\.yml\n/,
    );
    const status = await plan(['status', 'many'], { cwd: space.path });
    expect(status.stdout).toMatch(/up by [^ ]+: interrupted, ended [^ ]+ ago\npending: above\n/);
  });

  it('survives a reader that closes its end of the pipe', async () => {
    const child = spawn(
      '/bin/sh',
      ['-c', `"$0" "$1" help | head -1; "$0" "$1" events slow --json | head -1`, process.execPath, MAIN],
      {
        cwd: space.path,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(stdout).toMatch(/^plan - .*\n\{\n$/);
    expect(stderr).toBe('');
  });

  it('follows nothing any more when nobody reads it', async () => {
    const up = start('up', 'slow.yml', '-v');
    await up.says('asleep');
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    }).on('error', () => undefined);
    const stderr = collector();
    const code = await run(['events', 'slow', '--follow'], {
      stdin: new PassThrough(),
      stdout,
      stderr: stderr.stream,
      env: {},
      cwd: space.path,
      onStop: () => () => undefined,
      exit: () => undefined,
    });
    expect([code, stderr.text()]).toEqual([141, '']);
    up.kill('SIGINT');
    expect((await up.ended).code).toBe(130);
  });

  it('waits no longer than --lock-timeout for a deployment that is locked, and exits with 3', async () => {
    const up = start('up', 'slow.yml', '-v');
    await up.says('asleep');
    const other = start('down', 'slow', '--yes', '--lock-timeout', '10ms');
    expect((await other.ended).code).toBe(3);
    expect(other.stderr()).toMatch(/Cannot .*slow/);
    up.kill('SIGINT');
    await up.ended;
  });

  it('exits with 3 when the state cannot be read', async () => {
    await mkdir(join(space.path, 'bad'));
    await writeFile(join(space.path, 'bad/state.db'), 'x'.repeat(4_096));
    const list = start('list', '--state-dir', 'bad');
    expect((await list.ended).code).toBe(3);
    expect(list.stderr()).toMatch(/^Cannot /);
  });

  it('loads for status nothing that only operations need', async () => {
    const child = spawn(process.execPath, [MAIN, 'status', 'slow'], {
      cwd: space.path,
      env: { ...process.env, NODE_DEBUG: 'module,esm' },
    });
    child.stdout.resume();
    const loaded = await text(child.stderr);
    expect(loaded).toContain('better-sqlite3');
    for (const heavy of ['ssh2', 'handlebars', 'ajv', '/yaml/', 'p-queue', 'log-update', 'string-width'])
      expect(loaded).not.toContain(heavy);
  });
});
