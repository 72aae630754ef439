import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

/** While this is closed, every provider and every connection throws when it is asked for anything. */
const world = vi.hoisted(() => ({ isClosed: false }));

vi.mock(import('../../src/providers/index.ts'), async (original) => {
  const real = await original();
  return {
    ...real,
    openProvider: (...given: Parameters<typeof real.openProvider>) =>
      world.isClosed ? Promise.resolve(forbidden('provider')) : real.openProvider(...given),
  };
});

vi.mock(import('../../src/connection/open.ts'), async (original) => {
  const real = await original();
  return {
    ...real,
    createOpener: (...given: Parameters<typeof real.createOpener>) =>
      world.isClosed ? forbidden('connection') : real.createOpener(...given),
  };
});

function forbidden(what: string): never {
  const refuse = (_: object, name: string | symbol): unknown =>
    name === 'then' || name === 'close' || name === 'type'
      ? undefined
      : () => {
          throw new Error(`The ${what} is asked for ${String(name)}`);
        };
  return new Proxy({}, { get: refuse }) as never;
}

const STACK = `
version: 1
name: stack
inputs:
  webs: { default: 2 }
  release: { default: "1" }
  delay: { default: 1ms }
levels:
  - name: data
    services:
      db: { local: { bootDelay: "{{inputs.delay}}" }, bootstrap: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web:
        count: "{{inputs.webs}}"
        env: { DB: "{{services.db.hostname}}", RELEASE: "{{inputs.release}}" }
        bootstrap: { run: "true" }
`;

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

/** Every file of the state directory that a command could write, as its path and digest. */
function stateFiles(): readonly string[] {
  const root = join(space.path, '.plan');
  return readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile() && !/-(?:wal|shm)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
}

beforeAll(async () => {
  space = await workspace({ 'stack.yml': STACK });
});

afterAll(async () => {
  world.isClosed = false;
  await here('down', '--yes', 'stack');
  await space[Symbol.asyncDispose]();
});

describe('diff', () => {
  it('of what is not there launches everything, and makes no state directory', async () => {
    const ran = await here('diff', 'stack.yml', '--exit-code');
    expect(ran).toMatchObject({
      code: 4,
      stderr: '',
      stdout:
        'stack: would launch 3 machines\nlevel 1 of 2: data\n  launch db-0: the deployment is new\nlevel 2 of 2: app\n  launch web-0, web-1: the deployment is new\n',
    });
    expect(existsSync(join(space.path, '.plan'))).toBe(false);
  });

  it('touches nothing: no provider, no connection, no state', async () => {
    expect((await here('up', 'stack.yml')).code).toBe(0);
    world.isClosed = true;
    const before = stateFiles();

    expect(await here('diff', 'stack.yml', '--exit-code')).toMatchObject({
      code: 0,
      stdout: 'No differences\n',
      stderr: '',
    });
    const replaced = ['--input', 'delay=2ms', '--input', 'webs=1'];
    const expected = `stack: would replace 1, bootstrap again 1, terminate 1 machine
level 1 of 2: data
  tear down and replace db-0: options changed
level 2 of 2: app
  bootstrap again web-0: env DB changed: db-0 is replaced (if that makes a difference)
after every level
  terminate web-1: the count is 1
`;
    expect(await here('diff', 'stack.yml', ...replaced)).toMatchObject({
      code: 0,
      stdout: expected,
      stderr: '',
    });
    expect(await here('diff', 'stack.yml', '--exit-code', ...replaced)).toMatchObject({ code: 4 });
    expect(await here('up', 'stack.yml', '--dry-run', ...replaced)).toMatchObject({
      code: 0,
      stdout: expected,
    });

    const json = await here('diff', 'stack.yml', '--json', '--input', 'release=2');
    expect(json).toMatchObject({ code: 0, stderr: '' });
    const web = { service: 'web', level: 'app', action: 'bootstrap', cause: 'env RELEASE changed' };
    expect(JSON.parse(json.stdout)).toEqual({
      format: 1,
      deployment: 'stack',
      overrides: [],
      differences: [
        { machine: 'web-0', ...web, conditional: false },
        { machine: 'web-1', ...web, conditional: false },
      ],
    });
    expect(stateFiles()).toEqual(before);

    const up = await here('up', 'stack.yml', '--yes', '--input', 'release=2');
    expect(up.code).not.toBe(0);
    expect(stateFiles()).not.toEqual(before);
    world.isClosed = false;
  });
});

describe('up that changes what exists', () => {
  it('shows what it is going to do, and does not ask about what nothing is lost by', async () => {
    const ran = await here('up', 'stack.yml', '--input', 'release=3');
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(
      /^stack: would bootstrap again 2 machines\nlevel 2 of 2: app\n {2}bootstrap again web-0, web-1: env RELEASE changed\n/,
    );
    expect((await here('up', 'stack.yml', '--input', 'release=3')).stderr).not.toContain('would');
  });

  it('asks before it replaces or terminates', async () => {
    const replaced = ['up', 'stack.yml', '--input', 'delay=3ms'];
    const refused = await here(...replaced);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/tear down and replace db-0: options changed\n[^]*Cannot ask for confirm/);
    const terminal = { columns: 80, rows: 24 };
    const no = await plan([...replaced, '--progress', 'plain'], { cwd: space.path, terminal, typed: 'n\n' });
    expect(no.code).toBe(2);
    expect(no.stderr).toMatch(/Replace or terminate 1 machine\? \[y\/N\] Nothing was touched/);
    const yes = await here(...replaced, '--yes', '--json');
    expect(yes).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(yes.stdout)[1]).toMatchObject({
      type: 'forecast',
      deployment: 'stack',
      differences: [{ machine: 'db-0', action: 'replace' }, { machine: 'web-0' }, { machine: 'web-1' }],
    });
  });
});
