import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attachProgram,
  attemptProgram,
  finishProgram,
  putProgram,
  runProgram,
  stopProgram,
} from '../../src/connection/script-program.ts';
import { FOLLOW } from '../../src/connection/log-follower.ts';
import { SWITCH } from '../../src/connection/switch-user.ts';
import { plainCommand } from '../../src/connection/upload.ts';
import { script, scriptRun } from './script-fixture.ts';

function found(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, name)));
}

const files = [
  { path: 'a', mode: 0o600, bytes: Buffer.from('a') },
  { path: '/b', mode: 0o600, bytes: Buffer.alloc(100_000) },
];
const model = scriptRun('exit 0', { files, args: ['x'], env: { A: 'b' }, stopFirst: ['before'] });
const tree = {
  main: 'run',
  entries: [...script('exit').entries, { path: 'run', mode: 0o755, bytes: Buffer.from('#!/bin/sh\n') }],
};
const programs = {
  run: runProgram(model, 'N').stdin,
  'run of a tree': runProgram({ ...model, script: tree }, 'N').stdin,
  attempt: attemptProgram(model, 'N').stdin,
  attach: attachProgram(model, 'N'),
  stop: stopProgram('base', ['one', 'two']),
  finish: finishProgram(['1', '2', '3']),
  put: putProgram(model, 'N').stdin,
  follow: Buffer.from(FOLLOW),
  switch: Buffer.from(SWITCH),
};

describe('the programs for machines', () => {
  /** Words are split on purpose, variables are set for other functions, a file is called `exit`, `A && B || C`. */
  const accepted = 'SC2015,SC2016,SC2034,SC2086,SC2154,SC2238';

  it.skipIf(!found('shellcheck')).each(Object.entries(programs))(
    'are POSIX: %s (shellcheck)',
    (_name, text) => {
      const { stdout } = spawnSync('shellcheck', ['-s', 'sh', '-e', accepted, '-f', 'gcc', '-'], {
        input: text,
      });
      expect(String(stdout)).toBe('');
    },
  );

  it.each(['dash', 'busybox', 'bash', 'ksh', 'mksh'].filter(found))('are understood by %s', (shell) => {
    for (const [name, text] of Object.entries(programs)) {
      const words = shell === 'busybox' ? ['sh', '-n'] : ['-n'];
      const { status, stderr } = spawnSync(shell, words, { input: text });
      expect([name, status, String(stderr)]).toEqual([name, 0, '']);
    }
  });
});

describe('changing users', () => {
  let bin: string;
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'plan-bin-'));
    const fake = {
      id: 'case $1 in -un) echo "$ME" ;; *) echo "$MY_ID" ;; esac',
      sudo: 'echo sudo "$@"',
      runuser: 'echo runuser "$@" as "$USER"',
      su: 'echo su "$@"',
      sh: 'echo sh "$@"',
    };
    for (const [name, text] of Object.entries(fake))
      await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  });
  afterAll(() => rm(bin, { recursive: true }));

  function change(me: string, user: string, root: '' | 'root', { path = bin } = {}): string {
    const env = { PATH: path, ME: me, MY_ID: me === 'root' ? '0' : '1000', HOME: '/' };
    return execFileSync('/bin/sh', ['-c', SWITCH, 'sh', user, root, 'sh', '-s'], { env }).toString();
  }

  it('does nothing for the login user, whether named or not', () => {
    expect(change('ann', 'ann', '')).toBe('sh -s\n');
    expect(change('ann', '', '')).toBe('sh -s\n');
    expect(change('root', '', 'root')).toBe('sh -s\n');
  });

  it('asks sudo, without a prompt, unless root logs in', () => {
    expect(change('ann', 'web', '')).toBe('sudo -n -H -u web -- sh -s\n');
    expect(change('ann', '', 'root')).toBe('sudo -n -H -- sh -s ann\n');
    expect(change('ann', 'web', 'root')).toBe('sudo -n -H -- sh -s web\n');
    expect(change('root', 'web', 'root')).toBe('sh -s web\n');
  });

  it('asks runuser, else su, where root logs in', async () => {
    expect(change('root', 'daemon', '')).toBe('runuser -u daemon -- sh -s as daemon\n');
    await rm(join(bin, 'runuser'));
    expect(change('root', 'daemon', '')).toBe('su -s /bin/sh -c exec "$0" "$@" -- daemon sh -s\n');
  });
});

describe('plainCommand()', () => {
  it('quotes what a shell would take apart, and only that', () => {
    expect(plainCommand(['sh', '-c', "echo 'it''s'", 'a/b.c', ''])).toBe(
      `exec sh -c 'echo '\\''it'\\'''\\''s'\\''' a/b.c ''`,
    );
  });
});
