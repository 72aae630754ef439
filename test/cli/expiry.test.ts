import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import { processesOf } from '../scenarios/traces.ts';
import { isGone } from '../support/processes.ts';
import { until } from '../support/until.ts';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';
import { startProgram } from './program.ts';

const PAIR = `
version: 1
name: pair
levels:
  - name: only
    services:
      web:
        count: 2
        bootstrap: { run: 'true' }
        teardown: { run: 'echo "going"' }
`;

const LONG = PAIR.replace("'true'", "'(setsid sleep 300 >/dev/null 2>&1 &); sleep 300'").replace(
  'name: pair',
  'name: long',
);
const WITH_END = PAIR.replace('name: pair', 'name: ended\nttl: 8h');
const GUARDED = PAIR.replace('name: pair', 'name: guarded').replace(
  'count: 2',
  'count: 2\n        protect: true',
);
const KEYED = PAIR.replace('name: pair', 'name: keyed\ninputs: { word: { env: PLAN_TEST_WORD } }').replace(
  '"going"',
  '{{inputs.word}}',
);

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

beforeAll(async () => {
  space = await workspace({
    'pair.yml': PAIR,
    'long.yml': LONG,
    'ended.yml': WITH_END,
    'guarded.yml': GUARDED,
    'keyed.yml': KEYED,
  });
});

afterEach(async () => {
  const { stdout } = await here('list', '--json');
  const { deployments } = JSON.parse(stdout) as {
    readonly deployments: readonly { readonly name: string }[];
  };
  const names = deployments.map(({ name }) => name);
  if (names.length === 0) return;
  const ran = await here('down', '--yes', '--skip-teardown', '--force-protected', '--purge', ...names);
  expect(ran).toMatchObject({ code: 0 });
});

afterAll(() => space[Symbol.asyncDispose]());

function hostPid(): number {
  const file = join(space.path, '.plan/machines/host.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly pid: number }).pid;
}

/** Brings deployments up whose time is over as soon as this resolves. */
async function over(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const file = name === 'guarded' || name === 'keyed' ? `${name}.yml` : 'pair.yml';
    const inputs = name === 'keyed' ? ['--input', 'word=x'] : [];
    expect(await here('up', file, '--name', name, '--ttl', '1h', ...inputs)).toMatchObject({ code: 0 });
    expect(await here('extend', name, '--to', '1ms')).toMatchObject({ code: 0 });
  }
}

describe('machines whose operator was killed', () => {
  it('are gone after their time, with all that ran on them, and every command knows why', async () => {
    const up = startProgram(space.path, ['up', 'long.yml', '--ttl', '6s', '--json', '-q']);
    await until(() => up.stdout().split('"type":"step-started"').length > 2);
    up.kill('SIGKILL');
    await up.ended;
    const host = hostPid();
    expect(isGone(host)).toBe(false);
    await until(() => isGone(host));
    await until(() => processesOf(space.path).length === 0);

    const status = await here('status', '--refresh');
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/^over since \d/m);
    expect(status.stdout).toContain('the time of its deployment is over');
    expect(await here('repair', '--yes')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^Cannot repair "long": its time is over since .*\nGive it more/,
      ) as unknown,
    });
    expect(await here('up', 'long.yml')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Cannot bring up "long": its time is over since') as unknown,
    });
    const late = await here('extend', 'long', '--by', '1h');
    expect(late).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Cannot tell machine "web-0" when it ends: it is gone') as unknown,
    });
    await here('extend', 'long', '--to', '1ms');
    expect((await here('status')).stdout).not.toContain(' ready ');
    expect(await here('down', '--expired', '--yes')).toMatchObject({ code: 0 });
    expect((await here('list')).stdout).toMatch(/^long +terminated /m);
  });

  it('come up again with another end, and stay as long as they are given', async () => {
    await over('pair');
    await until(async () => (await here('status', '--refresh')).code === 1);
    const up = await here('up', 'pair.yml', '--ttl', '8h');
    expect(up).toMatchObject({ code: 0 });
    expect(up.stderr).toMatch(/^ {2}It ends in (7h59m|8h00m), at 2.*Z\.$/m);
    expect((await here('status', '--refresh')).code).toBe(0);
    await here('extend', '--to', '1ms');
    await until(async () => (await here('status', '--refresh')).code === 1);
    expect((await here('extend', '--to', '1h')).code).toBe(1);
    expect((await here('status')).code).toBe(1);
    expect(await here('up', 'pair.yml')).toMatchObject({ code: 0 });
    expect((await here('status', '--refresh')).code).toBe(0);
    expect(await here('up', 'pair.yml', '--ttl', 'never')).toMatchObject({ code: 0 });
    expect((await here('status')).stdout).not.toContain('ends in');
  });
});

describe('the end of a deployment', () => {
  it('is counted down by status and list, and told by up', async () => {
    const up = await here('up', 'ended.yml');
    expect(up.stderr).toMatch(/^ {2}It ends in (7h59m|8h00m), at /m);
    expect((await here('status')).stdout).toMatch(/^ends in (7h59m|8h00m)$/m);
    expect((await here('list')).stdout).toMatch(/^NAME .* END +PLAN\nended .* ends in (7h59m|8h00m) /);
    const { expiresAt } = JSON.parse((await here('status', '--json')).stdout) as {
      readonly expiresAt: string;
    };
    const { deployments } = JSON.parse((await here('list', '--json')).stdout) as {
      readonly deployments: readonly { readonly expiresAt: string }[];
    };
    expect(deployments[0]?.expiresAt).toBe(expiresAt);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(7.9 * 3_600_000);
    await here('down', '--yes');
    expect((await here('status')).stdout).not.toContain('ends in');
    expect((await here('list')).stdout).not.toContain('END');
  });

  it('is put off, set and taken away by extend, which says what it is then', async () => {
    await here('up', 'ended.yml');
    expect((await here('extend', '--by', '2h')).stderr).toMatch(
      /^"ended" ends in (9h59m|10h00m), at .*Z\.$/m,
    );
    expect((await here('extend', 'ended', '--to', '30m')).stderr).toMatch(
      /^"ended" ends in (29m59s|30m00s), at/m,
    );
    expect((await here('extend', '-d', 'ended', '--never')).stderr).toMatch(/^"ended" has no end\.$/m);
    expect(await here('extend', '--by', '2h')).toMatchObject({ code: 2 });
    const lines = jsonLines((await here('extend', '--to', '2h', '--json')).stdout);
    expect(lines.map(({ type }) => type)).toEqual([
      'version',
      'operation-started',
      'expiry-set',
      'expiry-told',
      'operation-ended',
      'result',
    ]);
    await here('down', '--yes');
    expect(await here('extend', '--to', '2h')).toMatchObject({
      code: 2,
      stderr: 'Cannot extend "ended": it has no machines\nUse up --ttl instead.\n',
    });
  });

  it.each([
    [['extend'], 'Cannot set the end: none is given'],
    [['extend', '--by', '1h', '--never'], 'Cannot set the end: --by and --never are given'],
    [['extend', '--by', 'soon'], 'Cannot use --by: "soon" is not a duration'],
    [['extend', '--to', '0s'], 'Cannot use --to: a deployment lasts more than no time'],
    [['extend', '--to', '-1h'], '-1h'],
    [['extend', '--to', '9000d'], 'at most ten years'],
    [['up', 'pair.yml', '--ttl', 'soon'], 'Cannot use --ttl: "soon" is not a duration'],
    [['up', 'pair.yml', '--ttl', '0s'], 'Cannot use --ttl: a deployment lasts more than no time'],
  ])('cannot be nonsense: %j', async (argv, message) => {
    await here('up', 'ended.yml');
    const { code, stderr } = await here(...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it.each(['soon', '0', '0s', '-8h', '9000d', 'never'])('cannot be "%s" in a plan', async (ttl) => {
    await using other = await workspace({ 'p.yml': PAIR.replace('name: pair', `name: pair\nttl: ${ttl}`) });
    const { code, stdout, stderr } = await plan(['validate', 'p.yml'], { cwd: other.path });
    expect(code).toBe(2);
    expect(stdout + stderr).toMatch(/ttl/);
  });

  it('may depend on an input', async () => {
    await using other = await workspace({
      'p.yml': PAIR.replace(
        'name: pair',
        'name: pair\ninputs: { hours: { default: 3 } }\nttl: "{{inputs.hours}}h"',
      ),
    });
    const run = (...argv: string[]): Promise<Ran> => plan(argv, { cwd: other.path });
    await run('up', 'p.yml', '--input', 'hours=5');
    expect((await run('status')).stdout).toMatch(/^ends in (4h59m|5h00m)$/m);
    await run('down', '--yes');
  });
});

describe('down --expired', () => {
  it('says that nothing is over where that is so', async () => {
    await here('up', 'ended.yml');
    const ran = await here('down', '--expired');
    expect(ran).toMatchObject({ code: 0, stderr: 'No deployment is over: there is nothing to do.\n' });
    expect(jsonLines((await here('down', '--expired', '--json')).stdout)).toMatchObject([
      { type: 'version' },
      { type: 'result', outcome: 'succeeded', deployments: [] },
    ]);
    expect((await here('status')).code).toBe(0);
  });

  it('takes down all that is over, unasked with --yes, and nothing else', async () => {
    await over('first', 'second');
    await here('up', 'ended.yml');
    const dry = await here('down', '--expired', '--dry-run');
    expect(dry.stdout).toMatch(/^first: would terminate 2 machines$/m);
    expect(dry.stdout).not.toContain('ended');
    expect(await here('down', '--expired')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Cannot ask for confirmation') as unknown,
    });
    expect(await here('down', '--expired', '--yes')).toMatchObject({ code: 0 });
    expect((await here('list')).stdout).toMatch(
      /^ended +ready .*\nfirst +terminated .*\nsecond +terminated /m,
    );
  });

  it('reports one that somebody else has, that is protected or that lacks an input, and ends the others', async () => {
    await over('first', 'guarded', 'keyed', 'second');
    await using store = await openSqliteStore(join(space.path, '.plan'));
    const { signal } = new AbortController();
    await using lock = await store.lock(
      'first',
      { owner: 'me@here', operation: 'up' },
      { timeout: 0, signal },
    );
    const ran = await here('down', '--expired', '--yes');
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain('"first"');
    expect(ran.stderr).toContain('Cannot terminate "web-0", "web-1": service "web" is protected');
    expect((await here('list')).stdout).toMatch(/^second +terminated /m);
    expect((await here('list')).stdout).not.toMatch(/^(first|guarded) +terminated /m);
    const { deployments } = jsonLines((await here('down', '--expired', '--yes', '--json')).stdout).at(-1) as {
      readonly deployments: readonly { readonly deployment: string }[];
    };
    expect(deployments.map(({ deployment }) => deployment)).not.toContain('second');
    expect(lock).toBeDefined();
  });

  it.each([
    [
      ['down', 'pair', '--expired'],
      'Cannot use --expired for "pair": it means every deployment that is over',
    ],
    [['down', '--expired', '--only', 'web-0'], 'Cannot use --expired with --only'],
  ])('is not %j', async (argv, message) => {
    const { code, stderr } = await here(...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
