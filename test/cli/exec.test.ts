import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openState } from '../../src/api/open-state.ts';
import { run as runIn } from '../../src/cli/run.ts';
import { isGone } from '../support/processes.ts';
import type { Ran, RunOptions } from './command.ts';
import { collector, jsonLines, plan, workspace } from './command.ts';

const FLEET = `
version: 1
name: fleet
inputs:
  token: { default: hush-hush, sensitive: true }
levels:
  - name: app
    services:
      db: {}
      web: { count: 3, labels: { tier: front } }
`;

let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  space = await workspace({ 'plan.yml': FLEET });
  const { code, stderr } = await run(['up', 'plan.yml', '-q']);
  if (code !== 0) throw new Error(stderr);
});

afterAll(async () => {
  await run(['down', 'fleet', '--yes', '-q']);
  await space[Symbol.asyncDispose]();
});

function run(argv: readonly string[], options: Partial<RunOptions> = {}): Promise<Ran> {
  return plan(argv, { cwd: space.path, ...options });
}

function sorted(text: string): string {
  return text.split('\n').filter(Boolean).sort().join('\n');
}

async function latestLogs(): Promise<{ readonly path: string; readonly names: readonly string[] }> {
  const logs = join(space.path, '.plan', 'logs');
  const [deployment = ''] = await readdir(logs);
  const runs = join(logs, deployment, 'exec');
  const path = join(runs, (await readdir(runs)).toSorted().at(-1) ?? '');
  return { path, names: (await readdir(path)).toSorted() };
}

describe('plan exec', () => {
  it('prints what one machine prints byte for byte, and exits with its code', async () => {
    const ran = await run(['exec', 'db-0', '--', 'sh', '-c', 'printf "a\\nb"; printf oh >&2; exit 7']);
    expect(ran).toMatchObject({ code: 7, stdout: 'a\nb', stderr: 'oh' });
  });

  it('exits with 128 and the number of the signal that ended the only command', async () => {
    expect(await run(['exec', 'db-0', '--', 'sh', '-c', 'kill -KILL $$'])).toMatchObject({ code: 137 });
  });

  it('puts the name of the machine before each line', async () => {
    const { code, stdout, stderr } = await run([
      'exec',
      'web-0..1',
      'db',
      '--',
      'sh',
      '-c',
      'echo one; printf two; echo three >&2',
    ]);
    expect(code).toBe(0);
    expect(sorted(stdout)).toBe(
      ['db-0  | one', 'db-0  | two', 'web-0 | one', 'web-0 | two', 'web-1 | one', 'web-1 | two'].join('\n'),
    );
    expect(sorted(stderr)).toBe(['db-0  | three', 'web-0 | three', 'web-1 | three'].join('\n'));
  });

  it('exits with 1 and a table of the codes where not all is well', async () => {
    await run(['exec', 'web-1', '--', 'touch', 'bad']);
    const ran = await run(['exec', '*', '--', 'sh', '-c', 'test ! -e bad || exit 4']);
    await run(['exec', 'web-1', '--', 'rm', 'bad']);
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    const log = /Its log: (\S+)\n$/.exec(ran.stderr)?.[1] ?? '';
    expect(log).toMatch(/^\.plan\/logs\/fleet-[0-9a-f]{8}\/exec\/[^/]+\/web-1\.log$/);
    expect(ran.stderr.replaceAll(/\d+\.\ds/g, 'T').replace(log, 'LOG')).toBe(
      'MACHINE  CODE  TIME  WHY\nweb-1    4     T\nDone on 3 of 4 machines.\nIts log: LOG\n',
    );
    expect(await readFile(join(space.path, log), 'utf8')).toMatch(/^\[exit code 4, \d\.\ds\]\n$/);
  });

  it('tells what became of each machine, those that are not running among them', async () => {
    const ran = await run([
      'exec',
      'db',
      'web',
      '--timeout',
      '1s',
      '--fail-fast',
      '--serial',
      '--',
      'sleep',
      '60',
    ]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^db-0 +124 +1\.\ds +not done within 1s$/m);
    expect(ran.stderr).toContain('Not begun on web-0..2: "db-0" failed.\nDone on 0 of 4 machines.\n');
  });

  it('exits with 124 when the only machine is out of time, and says so', async () => {
    const ran = await run(['exec', 'db-0', '--timeout', '300ms', '--', 'sleep', '60']);
    expect(ran).toMatchObject({ code: 124, stderr: 'db-0: not done within 300ms\n' });
  });

  it('tells programs what a machine printed before it was out of time', async () => {
    const line = ['sh', '-c', 'echo so far; echo bad >&2; exec sleep 60'];
    const ran = await run(['exec', 'db-0', '--json', '--timeout', '2s', '--', ...line]);
    const ended = jsonLines(ran.stdout).find(({ type }) => type === 'ended');
    expect(ran.code).toBe(124);
    expect(ended).toMatchObject({ outcome: 'timed-out', limit: 2_000, truncated: false });
    expect([ended?.['stdout'], ended?.['stderr']]).toEqual(['so far\n', 'bad\n']);
  });

  it('passes its input on, to all machines all of it, unless it is told not to', async () => {
    const all = await run(['exec', 'web', '--', 'cat'], { typed: 'one\ntwo\n' });
    expect(sorted(all.stdout)).toBe(
      ['web-0', 'web-1', 'web-2'].flatMap((name) => [`${name} | one`, `${name} | two`]).join('\n'),
    );
    const serial = await run(['exec', 'web', '--serial', '--', 'cat'], { typed: 'one\n' });
    expect(serial.stdout).toBe('web-0 | one\nweb-1 | one\nweb-2 | one\n');
    expect(await run(['exec', 'db', '-n', '--', 'cat'], { typed: 'one\n' })).toMatchObject({ stdout: '' });
  });

  it('waits for no input that never ends where no command reads it', async () => {
    expect(await run(['exec', 'web', '--', 'true'])).toMatchObject({ code: 0 });
    expect(await run(['exec', 'web', '--serial', '--', 'true'])).toMatchObject({ code: 0 });
  });

  it('reads nothing from a terminal', async () => {
    const terminal = { columns: 80, rows: 24 };
    expect(await run(['exec', 'db-0', '--', 'cat'], { terminal })).toMatchObject({ code: 0, stdout: '' });
  });

  it('runs scripts with arguments, by the interpreter that they name', async () => {
    await writeFile(join(space.path, 'greet.pl'), '#!/usr/bin/perl\nprint "hello @ARGV\\n";\n');
    const ran = await run(['exec', 'db-0', '--script', 'greet.pl', '--', 'a b', '--', '-n']);
    expect(ran).toMatchObject({ code: 0, stdout: 'hello a b -- -n\n', stderr: '' });
    expect(await run(['exec', 'db-0', '--script', 'none.pl'])).toMatchObject({
      code: 2,
      stderr: 'Cannot read the script "none.pl": there is no such file\n',
    });
  });

  it('groups what is the same', async () => {
    await run(['exec', 'web-2', '--', 'touch', 'odd']);
    const ran = await run([
      'exec',
      '*',
      '--group',
      '--',
      'sh',
      '-c',
      'if [ -e odd ]; then echo odd; else echo even; fi; printf no >&2',
    ]);
    await run(['exec', 'web-2', '--', 'rm', 'odd']);
    expect(ran).toMatchObject({
      code: 0,
      stdout: 'db-0 web-0..1:\neven\nweb-2:\nodd\n',
      stderr: 'db-0 web-0..2:\nno\n',
    });
  });

  it('writes files in place of earlier ones, and prints nothing then', async () => {
    const out = join(space.path, 'out');
    await run(['exec', '*', '--output-dir', 'out', '--', 'sh', '-c', 'echo first']);
    const ran = await run([
      'exec',
      'web',
      '--output-dir',
      'out',
      '--',
      'sh',
      '-c',
      'printf "a\\0b"; echo no >&2',
    ]);
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect((await readdir(out)).toSorted()).toEqual(
      ['db-0', 'web-0', 'web-1', 'web-2'].flatMap((name) => [`${name}.err`, `${name}.out`]),
    );
    expect(await readFile(join(out, 'web-1.out'), 'utf8')).toBe('a\0b');
    expect(await readFile(join(out, 'web-1.err'), 'utf8')).toBe('no\n');
    expect(await readFile(join(out, 'db-0.out'), 'utf8')).toBe('first\n');
    await writeFile(join(space.path, 'file'), '');
    expect(await run(['exec', 'web', '--output-dir', 'file', '--', 'true'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^Cannot write to ".*\/file": it is no directory, or below what is none\n$/,
      ) as string,
    });
  });

  it('answers JSON Lines: what began, what ended and how, and the result', async () => {
    const ran = await run([
      'exec',
      'web-0',
      'db-0',
      '--json',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 3',
    ]);
    expect(ran).toMatchObject({ code: 1 });
    const lines = jsonLines(ran.stdout);
    expect(lines[0]).toMatchObject({ type: 'version', format: 1, operation: 'exec', deployment: 'fleet' });
    expect(lines.map(({ type }) => type)).toEqual([
      'version',
      'selected',
      'began',
      'began',
      'ended',
      'ended',
      'result',
    ]);
    expect(lines.find(({ type, machine }) => type === 'ended' && machine === 'db-0')).toMatchObject({
      outcome: 'ended',
      exitCode: 3,
      exitSignal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      milliseconds: expect.any(Number) as number,
    });
    expect(lines.at(-1)).toMatchObject({
      type: 'result',
      outcome: 'failed',
      operation: 'exec',
      machines: 2,
      failed: ['db-0', 'web-0'],
    });
  });

  it('logs what machines print, masked, for nobody else to read', async () => {
    const ran = await run(['exec', 'web-0', '--', 'sh', '-c', 'echo say hush-hush; exit 1']);
    expect(ran).toMatchObject({ code: 1, stdout: 'say hush-hush\n' });
    const { path, names } = await latestLogs();
    expect(names).toEqual(['web-0.log']);
    expect(await readFile(join(path, 'web-0.log'), 'utf8')).toMatch(
      /^say \*\*\*\n\[exit code 1, \d\.\ds\]\n$/,
    );
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, 'web-0.log'))).mode & 0o777).toBe(0o600);
  });

  it('keeps the logs of 50 runs', async () => {
    const { path } = await latestLogs();
    const runs = join(path, '..');
    for (let n = 10; n < 70; n += 1) await mkdir(join(runs, `2020-01-01T00-00-${n}.000Z-00000000`));
    await run(['exec', 'web-0', '--', 'echo', 'one more']);
    const left = (await readdir(runs)).toSorted();
    expect(left).toHaveLength(50);
    expect(left).not.toContain('2020-01-01T00-00-10.000Z-00000000');
    expect(await readdir(join(runs, left.at(-1) ?? ''))).toEqual(['web-0.log']);
  });

  it('ends what it began when it is interrupted, and tells what was done', async () => {
    const began = Date.now();
    const seen = new Set<string>();
    const ran = await run(['exec', '*', '--parallelism', '2', '--', 'sh', '-c', 'echo $$; exec sleep 600'], {
      onStdout(text, send) {
        seen.add(text);
        if (seen.size === 2) send('SIGINT');
      },
    });
    expect(ran).toMatchObject({ code: 130, exits: [] });
    expect(ran.stderr).toContain('Interrupting: what the exec began is ended. Once more ends at once.\n');
    expect(ran.stderr).toMatch(/^db-0 +130 +\d\.\ds +interrupted$/m);
    expect(ran.stderr).toContain(
      'Not begun on web-1..2: it was interrupted before.\nDone on 0 of 4 machines.\n',
    );
    const pids = [...ran.stdout.matchAll(/\| (\d+)$/gm)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(2);
    expect(pids.map(isGone)).toEqual([true, true]);
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  it('ends the commands when nobody reads what they print any more', async () => {
    let text = '';
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done(text.includes('\nweb') ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null);
      },
    }).on('error', () => undefined);
    const stderr = collector();
    const code = await runIn(['exec', 'web', '--', 'sh', '-c', 'echo $$; exec yes'], {
      stdin: new PassThrough(),
      stdout,
      stderr: stderr.stream,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      cwd: space.path,
      onStop: () => () => undefined,
      exit: () => undefined,
    });
    expect({ code, stderr: stderr.text() }).toEqual({ code: 141, stderr: '' });
    const pids = [...text.matchAll(/\| (\d+)$/gm)].map(([, pid]) => Number(pid));
    expect(pids.length).toBeGreaterThan(0);
    expect(pids.every(isGone)).toBe(true);
  });

  it('refuses what cannot be run, and says what to do', async () => {
    const refusals = [
      [['exec', 'web'], /^Cannot run a command: there is none\nWrite it after "--"/],
      [['exec', 'web', '--'], /^Cannot run a command: there is none\n/],
      [['exec', '--', 'true'], /^Cannot select machines: nothing says which\n/],
      [['exec', 'wbe', '--', 'true'], /^Cannot select "wbe": .*\nDid you mean "web"\?/],
      [['exec', 'web', '--', ''], /^Cannot run a command: its name is empty\n/],
      [['exec', 'web', '--', '-x'], /^Cannot run a command: no program is called "-x"\n/],
      [['exec', 'web', '--', 'echo', 'x'.repeat(200_000)], /^Cannot run a command: it is \d+ bytes long/],
      [['exec', 'web', '--user', 'no body', '--', 'true'], /^Cannot run a script as "no body"/],
      [
        ['exec', 'web', '--group', '--output-dir', 'o', '--', 'true'],
        /^Cannot use --group with --output-dir/,
      ],
    ] as const;
    for (const [argv, words] of refusals) {
      const ran = await run(argv);
      expect(ran).toMatchObject({ code: 2, stdout: '' });
      expect(ran.stderr).toMatch(words);
    }
  });

  it('says of a program that is not there what the shell says', async () => {
    const ran = await run(['exec', 'db-0', '--', 'no-such-program']);
    expect(ran.code).toBe(127);
    expect(ran.stderr).toMatch(/no-such-program.*not found/);
  });
});

describe('plan exec on what is not running', () => {
  it('tells why, and works on the others', async () => {
    await using own = await workspace({ 'plan.yml': FLEET.replace('name: fleet', 'name: other') });
    const at = (...argv: string[]): Promise<Ran> => plan(argv, { cwd: own.path });
    await at('up', 'plan.yml', '-q');
    const state = await openState({ cwd: own.path });
    await (await state.deployment('other')).stop('web-1');
    const some = await at('exec', 'web', '--', 'echo', 'here');
    expect(some.code).toBe(1);
    expect(sorted(some.stdout)).toBe('web-0 | here\nweb-2 | here');
    expect(some.stderr).toMatch(/^web-1 +255 +0\.0s +Cannot reach "web-1": it is stopped$/m);
    expect(await at('exec', 'web-1', '--', 'true')).toMatchObject({
      code: 255,
      stderr: 'web-1: Cannot reach "web-1": it is stopped\n',
    });
    await at('down', '--yes', '-q');
    expect(await at('exec', '*', '--', 'true')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'Nothing to do: deployment "other" has no such machines.\n',
    });
    await state[Symbol.asyncDispose]();
  });
});
