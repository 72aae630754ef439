import { existsSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../support/until.ts';
import type { Ran, RunOptions } from './command.ts';
import { plan, workspace } from './command.ts';

const OWNER = `${userInfo().username}@${hostname()}`;

function stack(name: string, count = 2): string {
  return `version: 1\nname: ${name}\nlevels: [{ name: app, services: { web: { count: ${count} } } }]\n`;
}

const CLOUDY = `
version: 1
name: cloudy
inputs: { region: {}, other: { default: 1 } }
providers: { west: { type: ec2, region: "{{inputs.region}}" } }
levels: [{ name: app, services: { web: { count: "{{inputs.other}}" } } }]
`;

interface Place {
  readonly path: string;
  here(...argv: readonly string[]): Promise<Ran>;
  on(terminal: string, ...argv: readonly string[]): Promise<Ran>;
  /** Takes the record of everything away; with the key nothing is known to be made here. */
  forget(...files: readonly string[]): void;
}

/** A workspace that leaves no machine behind. */
async function place(files: Readonly<Record<string, string>>): Promise<Place> {
  const space = await workspace(files);
  const { path } = space;
  const run = (argv: readonly string[], more: Partial<RunOptions> = {}): Promise<Ran> =>
    plan(argv, { cwd: path, ...more });
  onTestFinished(async () => {
    await run(['gc', '--delete', '--yes', '--owner', OWNER]);
    const names = (JSON.parse((await run(['list', '--json'])).stdout) as { deployments: { name: string }[] })
      .deployments;
    await run(['down', '--yes', ...names.map(({ name }) => name)]);
    await until(() => !existsSync(join(path, '.plan/machines')));
    await space[Symbol.asyncDispose]();
  });
  return {
    path,
    here: (...argv) => run(argv),
    on: (typed, ...argv) => run(argv, { terminal: { columns: 160, rows: 24 }, typed }),
    forget(...names) {
      for (const name of ['state.db', 'state.db-wal', 'state.db-shm', ...names])
        rmSync(join(path, '.plan', name), { force: true });
    },
  };
}

interface Found {
  readonly orphans: readonly Readonly<Record<string, unknown>>[];
  readonly problems: readonly Readonly<Record<string, unknown>>[];
}

function found({ stdout }: Ran): Found {
  return JSON.parse(stdout) as Found;
}

describe('plan gc', () => {
  it('finds nothing where nothing is recorded, and makes nothing', async () => {
    const { path, here } = await place({});
    expect(await here('gc')).toMatchObject({ code: 0, stdout: '', stderr: 'No orphans were found.\n' });
    expect(await here('gc', '--quiet')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await here('gc', '--delete', '--yes')).toMatchObject({ code: 0, stdout: '' });
    expect(existsSync(join(path, '.plan'))).toBe(false);
  });

  it('finds nothing while a deployment accounts for all, nor after it was purged', async () => {
    const { here } = await place({ 'shop.yml': stack('shop') });
    expect((await here('up', 'shop.yml', '-q')).code).toBe(0);
    expect(found(await here('gc', '--json'))).toEqual({ format: 1, orphans: [], problems: [] });
    expect((await here('gc', '--delete', '--yes')).stderr).toBe('No orphans were found.\n');
    expect((await here('status')).code).toBe(0);
    expect((await here('down', '--yes', '--purge', '-q')).code).toBe(0);
    expect(found(await here('gc', 'shop.yml', '--json'))).toEqual({ format: 1, orphans: [], problems: [] });
  });

  it('finds the machines of a lost record, and removes them once it may', async () => {
    const { here, on, forget } = await place({ 'shop.yml': stack('shop'), 'other.yml': stack('other', 1) });
    expect((await here('up', 'shop.yml', '-q')).code).toBe(0);
    forget();
    expect((await here('up', 'other.yml', '-q')).code).toBe(0);
    const shown = await here('gc');
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/^OWNER +DEPLOYMENT +KIND +ID +NAME +AGE +PROVIDER +STATE DIRECTORY\n/);
    expect(shown.stdout).toMatch(
      new RegExp(`\n${OWNER} +shop +machine +local-\\w+ +web-1 +\\S+s +local +this\n`),
    );
    expect(shown.stdout.match(/\n/g)).toHaveLength(3);
    expect(shown.stderr).toBe('Run "plan gc --delete" to remove those of this state directory.\n');
    const { orphans } = found(await here('gc', '--json'));
    expect(orphans).toHaveLength(2);
    expect(orphans[0]).toMatchObject({
      owner: OWNER,
      deployment: 'shop',
      kind: 'machine',
      provider: 'local',
      stateDirectory: 'this',
      removed: false,
      problem: null,
    });
    expect(Date.parse(String(orphans[0]?.['since']))).toBeGreaterThan(Date.now() - 60_000);

    for (const filter of [
      ['--older-than', '1h'],
      ['--owner', 'nobody@nowhere'],
    ])
      expect(await here('gc', '--delete', '--yes', ...filter)).toMatchObject({
        code: 0,
        stdout: '',
        stderr: 'No orphans were found.\n',
      });
    const asked = await here('gc', '--delete');
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(
      /^These would be removed:\nOWNER [^]* this\nCannot ask for confirmation: [^]*--yes/,
    );
    const refused = await on('n\n', 'gc', '--delete');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Remove 2 orphans? [y/N] ');
    expect(found(await here('gc', '--json')).orphans).toEqual(orphans);

    const removed = await here('gc', '--delete', '--yes', '--older-than', '1ms', '--json');
    expect(removed.code).toBe(0);
    expect(found(removed).orphans.map((one) => one['removed'])).toEqual([true, true]);
    expect((await here('gc')).stderr).toBe('No orphans were found.\n');
    expect((await here('verify', 'other')).code).toBe(0);
  });

  it('shows what another state directory made, and removes it when its owner is named', async () => {
    const { here, on, forget } = await place({
      'shop.yml': stack('shop', 1),
      'other.yml': stack('other', 1),
    });
    expect((await here('up', 'shop.yml', '-q')).code).toBe(0);
    forget('keys/state.key');
    expect((await here('gc')).stdout).toMatch(/ local +another\n$/);
    expect((await here('up', 'other.yml', '-q')).code).toBe(0);
    expect((await here('gc')).stdout).toMatch(/ local +another\n$/);
    expect(await here('gc', '--delete', '--yes')).toMatchObject({
      code: 0,
      stderr:
        '0 orphans removed. 1 orphan of other state directories left: name the owner with --owner to remove it.\n',
    });
    expect(await here('gc', '--delete', '--yes', '--owner', OWNER.slice(0, -1))).toMatchObject({ code: 0 });
    expect(found(await here('gc', '--json')).orphans).toHaveLength(1);
    const removed = await on('y\n', 'gc', '--delete', '--owner', OWNER);
    expect(removed.stderr).toMatch(/Another state directory may account for [^]*Remove 1 orphan\? \[y\/N\] /);
    expect(removed.stderr).toMatch(/1 orphan removed\.\n$/);
    expect(found(await here('gc', '--json')).orphans).toEqual([]);
    expect((await here('verify', 'other')).code).toBe(0);
  });

  it('names what it cannot ask, and asks the others', async () => {
    const { path, here, forget } = await place({
      'shop.yml': stack('shop', 1),
      'cloudy.yml': CLOUDY,
      'wrong.yml': 'version: 1\nname: wrong\nlevles: []\n',
    });
    expect((await here('up', 'shop.yml', '-q')).code).toBe(0);
    forget();
    const shown = await here('gc', 'cloudy.yml', 'wrong.yml', 'missing.yml', '--input', 'other=3');
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/ local +this\n$/);
    const lines = shown.stderr.split('\n');
    expect(lines[0]).toMatch(
      /^Cannot ask provider "west" of "cloudy\.yml": \S*cloudy\.yml:4: Cannot go on without input "region": it has no value\. Give it by --input/,
    );
    expect(shown.stderr).toMatch(/\nCannot ask the providers of "wrong\.yml": [^]*levles/);
    expect(shown.stderr).toMatch(/\nCannot ask the providers of "missing\.yml": /);
    const removed = await here('gc', 'cloudy.yml', '--delete', '--yes', '--json');
    expect(removed.code).toBe(1);
    const { orphans, problems } = found(removed);
    expect(orphans.map((one) => one['removed'])).toEqual([true]);
    expect(problems).toMatchObject([{ provider: 'west', deployment: null, plan: 'cloudy.yml' }]);
    expect(existsSync(join(path, '.plan/state.db'))).toBe(false);
  });

  it('reads older plans for the providers that machines still have', async () => {
    const before = `
version: 1
name: moved
providers: { here: { type: local } }
levels: [{ name: app, services: { web: { provider: here } } }]
`;
    const after = `
version: 1
name: moved
levels: [{ name: app, services: { bad: { bootstrap: { run: "exit 1" } } } }]
`;
    const { path, here } = await place({ 'moved.yml': before });
    expect((await here('up', 'moved.yml', '-q')).code).toBe(0);
    await writeFile(join(path, 'moved.yml'), after);
    expect((await here('up', 'moved.yml', '-q', '--yes')).code).toBe(1);
    expect(found(await here('gc', '--json'))).toEqual({ format: 1, orphans: [], problems: [] });
    expect((await here('verify', '--json')).stdout).toMatch(/"machine": "web-0",\s*"failure": null/);
    expect((await here('down', '--yes', '-q')).code).toBe(0);
  });

  it.each([
    [['--older-than', 'soon'], 'Cannot use --older-than "soon": it is not a duration'],
    [['--input', 'nothing=1'], 'Cannot use --input "nothing": no plan declares such an input'],
    [['--input', 'nothing'], 'Cannot use --input "nothing": it is not name=value'],
    [['--owner', ''], 'Cannot use --owner: it is empty'],
  ])('refuses %j', async (flags, message) => {
    const { here } = await place({});
    const { code, stdout, stderr } = await here('gc', ...flags);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('ends when it is interrupted while it asks', async () => {
    const { path, here, forget } = await place({ 'shop.yml': stack('shop', 1) });
    expect((await here('up', 'shop.yml', '-q')).code).toBe(0);
    forget();
    const ran = await plan(['gc', '--delete'], {
      cwd: path,
      terminal: { columns: 160, rows: 24 },
      onStderr: (text, send) => {
        if (text.includes('[y/N]')) send('SIGINT');
      },
    });
    expect(ran.code).toBe(130);
    expect(ran.stderr).toMatch(/Interrupted\. "plan gc" tells what is left\.\n$/);
    expect(found(await here('gc', '--json')).orphans).toHaveLength(1);
  });
});
