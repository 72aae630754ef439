import { spawnSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { plan, workspace } from './command.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

const EMPTY = 'version: 1\nname: first\nlevels:\n  - name: only\n    services: { web: { count: 2 } }\n';

let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  space = await workspace({ 'first.yml': EMPTY });
  await mkdir(join(space.path, 'bin'));
  await writeFile(join(space.path, 'bin/plan'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, {
    mode: 0o755,
  });
  await symlink(process.execPath, join(space.path, 'bin/node'));
  expect((await plan(['up', 'first.yml', '-q'], { cwd: space.path })).code).toBe(0);
});

afterAll(async () => {
  await plan(['down', '--yes'], { cwd: space.path });
  await space[Symbol.asyncDispose]();
});

describe('__complete', () => {
  it.each<[words: readonly string[], expected: readonly string[]]>([
    [['stat'], ['status']],
    [
      ['help', 'co'],
      ['copy', 'completion'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['status', ''], ['first']],
    [['down', 'first', 'fi'], ['first']],
    [
      ['logs', 'web'],
      ['web-0', 'web-1'],
    ],
    [
      ['logs', '-d', 'first', ''],
      ['web-0', 'web-1'],
    ],
    [['logs', '-d', 'other', ''], []],
    [['output', ''], ['web']],
    [['scale', ''], ['web']],
    [
      ['ssh', ''],
      ['web-0', 'web-1'],
    ],
    [
      ['stop', ''],
      ['web', 'web-0', 'web-1', '@only'],
    ],
    [['exec', 'web-0', '--exclude', '@'], ['@only']],
    [
      ['down', '--only', 'web-'],
      ['web-0', 'web-1'],
    ],
    [['exec', 'web', '--', 'w'], []],
    [['copy', ''], []],
    [
      ['logs', 'web-0', '--step', ''],
      ['bootstrap', 'verify', 'teardown'],
    ],
    [
      ['up', '--in'],
      ['--input', '--input-file'],
    ],
    [['up', '--progress', 'p'], ['plain']],
    [['--pro'], ['--progress']],
    [['--json', 'li'], ['list']],
    [['status', '-d', ''], ['first']],
    [['up', ''], []],
    [['up', '--input-file', ''], []],
    [['up', '--name', ''], []],
    [['list', ''], []],
    [['nonsense', ''], []],
    [['status', '--state-dir', 'elsewhere', ''], []],
  ])('%j may become %j', async (words, expected) => {
    const ran = await plan(['__complete', '--', ...words], { cwd: space.path });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout.split('\n').filter((line) => line !== '')).toEqual(expected);
  });

  it('offers all commands and no hidden one', async () => {
    const ran = await plan(['__complete', '--', ''], { cwd: space.path });
    const shown = COMMANDS.filter(({ hidden }) => hidden !== true);
    expect(shown.length).toBeLessThan(COMMANDS.length);
    expect(ran.stdout).toBe(shown.map(({ name }) => `${name}\n`).join(''));
  });
});

/** The flag with which a shell reads no configuration. */
const CLEAN: Readonly<Record<string, string>> = { bash: '--norc', zsh: '-f', fish: '--no-config' };

describe('completion', () => {
  /** How to ask each shell, for the completions of a line. */
  const shells: Readonly<Record<string, (words: readonly string[]) => string>> = {
    bash: (words) => `source <(plan completion bash)
COMP_WORDS=(${['plan', ...words].map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _plan; printf '%s\\n' "\${COMPREPLY[@]}"`,
    zsh: (words) => `autoload -Uz compinit && compinit -D -u; source <(plan completion zsh)
compadd() { shift; printf '%s\\n' "\${@[@]}"; }; _files() { :; }
words=(${['plan', ...words].map((word) => `'${word}'`).join(' ')}); CURRENT=$#words; _plan`,
    fish: (words) => `plan completion fish | source; complete --do-complete='plan ${words.join(' ')}'`,
  };

  for (const [shell, program] of Object.entries(shells)) {
    const isMissing = spawnSync(shell, ['--version']).error !== undefined;

    it.skipIf(isMissing)(`works in ${shell}${isMissing ? ', which is not installed here' : ''}`, () => {
      const ask = (...words: string[]): string[] => {
        const env = {
          PATH: `${join(space.path, 'bin')}:${process.env['PATH'] ?? ''}`,
          HOME: space.path,
          TERM: 'dumb',
        };
        const asked = spawnSync(shell, [CLEAN[shell] ?? '', '-c', program(words)], {
          cwd: space.path,
          env,
          encoding: 'utf8',
        });
        expect(asked.stderr).toBe('');
        return asked.stdout.split('\n').filter((line) => line !== '');
      };
      expect(ask('st')).toContain('status');
      expect(ask('logs', '')).toEqual(expect.arrayContaining(['web-0', 'web-1']));
      expect(ask('logs', 'web-1')).toEqual(expect.arrayContaining(['web-1']));
      expect(ask('down', '--skip')).toEqual(['--skip-teardown']);
    });
  }
});
