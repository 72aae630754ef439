import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran, RunOptions } from './command.ts';
import { plan, workspace } from './command.ts';

const PLAN = `
version: 1
name: web
levels:
  - name: only
    services:
      web:
        count: 2
        bootstrap: { run: 'echo "secret=s3cr3t-$PLAN_MACHINE" >>"$PLAN_OUTPUT"; : >"$HOME/was-here"; echo hello' }
        outputs: { secret: { sensitive: true } }
        verify: { run: 'test -e "$HOME/was-here"' }
      here:
        provider: operator
        ssh: null
        bootstrap: { run: ': >here' }
`;
const env = { PLAN_PASSPHRASE: 'words of a test' };

let space: Awaited<ReturnType<typeof workspace>>;

/** Runs a command in the state directory of this name. */
function at(
  state: string,
  [verb = '', ...words]: readonly string[],
  options: Partial<RunOptions> = {},
): Promise<Ran> {
  const argv = [verb, '--state-dir', join(space.path, state), ...words];
  return plan(argv, { cwd: space.path, env, ...options });
}

const terminal = { columns: 80, rows: 24 };

beforeAll(async () => {
  space = await workspace({ 'web.yml': PLAN, 'pass.txt': 'words of a test\nand more\n' });
  expect(await at('first', ['up', 'web.yml'])).toMatchObject({ code: 0 });
});

afterAll(async () => {
  for (const state of ['first', 'third']) await at(state, ['down', '--yes', 'web']);
  await space[Symbol.asyncDispose]();
});

describe('export', () => {
  it('writes a file that tells nothing, and refuses to write over it', async () => {
    const ran = await at('first', ['export', 'web.export', '--logs']);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(ran.stderr).toMatch(/^"web" is in ".*web\.export": 3 machines, \d+ recorded events\.\n/);
    expect(ran.stderr).toContain('On another computer "plan up" launches');
    expect(ran.stderr).toContain('export with --move');
    expect(statSync(join(space.path, 'web.export')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(space.path, 'web.export')).includes('s3cr3t')).toBe(false);
    expect(await at('first', ['export', 'web.export'])).toMatchObject({
      code: 2,
      stderr: `Cannot export to "${join(space.path, 'web.export')}": the file is there\nChoose another name, or add --force to write over it.\n`,
    });
  });

  it('asks for the passphrase twice on a terminal, and shows nothing of it', async () => {
    const asked = { terminal, env: {} };
    const file = join(space.path, 'asked.export');
    const ran = await at('first', ['export', file, '--json'], { ...asked, typed: 'typed\ntyped\n' });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ format: 1, name: 'web', file, machines: 3, moved: false });
    expect(ran.stderr).toBe('Passphrase: \nThe same again: \n');
    rmSync(file);
    for (const [typed, words] of [
      ['typed\nmistyped\n', 'Nothing was touched: the two passphrases differ\n'],
      ['\n', 'Nothing was touched: no passphrase was given\n'],
      ['', 'Nothing was touched: no passphrase was given\n'],
    ]) {
      const refused = await at('first', ['export', file], { ...asked, typed: typed ?? '' });
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(words);
    }
    expect(await at('first', ['export', file], { ...asked, typed: '\u0003' })).toMatchObject({ code: 130 });
    const stopped = await at('first', ['export', file], {
      ...asked,
      onStderr: (text, send) => text.startsWith('Passphrase') && send('SIGTERM'),
    });
    expect(stopped.code).toBe(143);
    expect(existsSync(file)).toBe(false);
  });

  it('wants a passphrase from somewhere', async () => {
    expect(await at('first', ['export', 'no.export'], { env: {} })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^Cannot ask for the passphrase: there is no terminal\nGive it by/,
      ) as string,
    });
    writeFileSync(join(space.path, 'empty.txt'), '\nwords\n');
    const refused = async (file: string): Promise<string> =>
      (await at('first', ['export', 'no.export', '--passphrase-file', file])).stderr;
    expect(await refused('empty.txt')).toBe('Cannot use the passphrase file: its first line is empty\n');
    expect(await refused('none.txt')).toContain('Cannot read the passphrase of');
    expect(await at('first', ['export', 'no.export', '-d', 'none'])).toMatchObject({ code: 2 });
    expect(existsSync(join(space.path, 'no.export'))).toBe(false);
  });
});

describe('import', () => {
  it('goes on with machines of this computer from another state directory', async () => {
    const given = ['--passphrase-file', '-'];
    const ran = await at('second', ['import', 'web.export', ...given], { env: {}, typed: 'words of a test' });
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    expect(ran.stderr).toContain('Its plan is "web.yml".');
    expect(ran.stderr).toContain(`stay in "${join(space.path, 'first')}"`);
    expect(ran.stderr).toContain('Warning: it was exported without --move.');
    expect((await at('second', ['status', '--refresh'])).stdout).toMatch(/^web {2}ready/);
    expect((await at('second', ['up', 'web.yml'])).stderr).toContain('there is nothing to do');
    expect((await at('second', ['diff', 'web.yml', '--exit-code'])).code).toBe(0);
    expect((await at('second', ['output', 'web-1.secret', '--reveal'])).stdout).toBe('s3cr3t-web-1\n');
    expect((await at('second', ['logs', 'web-0'])).stdout).toContain('hello');
    expect((await at('second', ['exec', 'web-0', '--', 'ls', '.'])).stdout).toContain('was-here');
    expect((await at('second', ['exec', 'here-0', '--', 'echo', 'fine'])).stdout).toContain('fine');
    expect(await at('second', ['repair', '--yes'])).toMatchObject({ code: 0 });
    expect((await at('second', ['scale', 'web=3'])).code).toBe(0);
    expect((await at('second', ['gc'])).stdout).toBe('');
    expect((await at('second', ['status', '--refresh'])).stdout).toMatch(/^web {2}ready/);
  }, 60_000);

  it('refuses what is here already, what is damaged, and the wrong passphrase, and touches nothing', async () => {
    expect(await at('second', ['import', 'web.export'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('it is recorded here already') as string,
    });
    const wrong = await at('none', ['import', 'web.export'], { env: { PLAN_PASSPHRASE: 'other' } });
    expect(wrong).toMatchObject({
      code: 2,
      stderr: `Cannot read the export "${join(space.path, 'web.export')}": the passphrase is not the one that it was made with\n`,
    });
    writeFileSync(
      join(space.path, 'half.export'),
      readFileSync(join(space.path, 'web.export')).subarray(0, -20),
    );
    expect(await at('none', ['import', 'half.export'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Copy it again, or export again.') as string,
    });
    expect(existsSync(join(space.path, 'none'))).toBe(false);
  });

  it('takes down what it went on with, and the state directory that it came from notices', async () => {
    expect((await at('second', ['down', '--yes'])).code).toBe(0);
    expect((await at('first', ['verify', 'web'])).code).toBe(1);
    expect((await at('first', ['gc'])).stdout).toBe('');
  }, 60_000);

  it('launches machines of another computer anew, from the plan that came along', async () => {
    const moved = await at('first', [
      'export',
      'web.export',
      '--force',
      '--move',
      '--passphrase-file',
      'pass.txt',
    ]);
    expect(moved).toMatchObject({ code: 0 });
    expect(await at('first', ['down', '--yes'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('moved it away') as string,
    });
    // As far as can be told, this is another computer now.
    const plans = join(space.path, 'elsewhere');
    mkdirSync(plans);
    writeFileSync(join(plans, 'web.yml'), readFileSync(join(space.path, 'web.yml')));
    rmSync(join(space.path, 'web.yml'));
    const key = join(space.path, 'first/keys/state.key');
    const kept = readFileSync(key);
    rmSync(key);
    const ran = await at('third', ['import', 'web.export', '--json']);
    writeFileSync(key, kept, { mode: 0o600 });
    const summary = JSON.parse(ran.stdout) as {
      readonly plan: string;
      readonly leftBehind: readonly string[];
    };
    expect((await at('first', ['list'])).stdout).toMatch(/^web +\S+ \(moved\) /m);
    expect(summary).toMatchObject({ format: 1, name: 'web', moved: true, homes: [], missingKeys: [] });
    expect(summary.leftBehind.toSorted()).toEqual(['here-0', 'web-0', 'web-1']);
    expect(summary.plan).toMatch(/third\/plans\/web-[0-9a-f]{8}\/web\.yml$/);
    expect(await at('third', ['up', summary.plan])).toMatchObject({ code: 0 });
    expect((await at('third', ['status', '--refresh'])).stdout).toMatch(/^web {2}ready/);
    expect(await at('third', ['up', 'elsewhere/web.yml'])).toMatchObject({ code: 2 });
    expect((await at('third', ['up', 'elsewhere/web.yml', '--adopt'])).stderr).toContain(
      'there is nothing to do',
    );
    expect(await at('third', ['down', '--yes'])).toMatchObject({ code: 0 });
    expect((await at('first', ['unlock', 'web', '--yes'])).stderr).toContain('"web" is unlocked');
  }, 60_000);
});
