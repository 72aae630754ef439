import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killedAt } from '../scenarios/killed-at.ts';
import { join } from 'node:path';
import type { Ran } from './command.ts';
import { jsonLines, plan, workspace } from './command.ts';

const STACK = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, teardown: { run: 'echo "db goes"' } }
  - name: app
    services:
      web: { count: 3, protect: true }
      agent: { colocate: db, teardown: { run: 'echo "agent goes"' } }
`;

let space: Awaited<ReturnType<typeof workspace>>;

function here(...argv: string[]): Promise<Ran> {
  return plan(argv, { cwd: space.path });
}

/** Machines of `status` as `name state`. */
async function machines(): Promise<readonly string[]> {
  const { stdout } = await here('status', 'stack');
  return [...stdout.matchAll(/^ {4}(\S+) +(\S+) /gm)].map(([, name = '', state = '']) => `${name} ${state}`);
}

beforeAll(async () => {
  space = await workspace({
    'stack.yml': STACK,
    'small.yml': 'version: 1\nname: small\nlevels: [{ name: only, services: { one: {} } }]\n',
  });
});
beforeEach(async () => {
  expect(await here('up', 'stack.yml')).toMatchObject({ code: 0 });
});
afterEach(async () => {
  expect(await here('down', 'stack', '--yes', '--force-protected')).toMatchObject({ code: 0 });
});
afterAll(() => space[Symbol.asyncDispose]());

describe('machines that are stopped and shared', () => {
  it('go without a wait for those that nobody reaches on them', async () => {
    expect(await here('stop', 'db', '--yes')).toMatchObject({ code: 0 });
    const ran = await here('down', '--only', 'db-0', '--yes');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain(
      'warning: Machine "agent-0": what was put on it stays there: it is stopped\n',
    );
    expect(await machines()).toEqual(
      expect.arrayContaining(['db-0 terminated', 'db-1 stopped', 'agent-0 terminated', 'agent-1 stopped']),
    );
  });

  it('are replaced without it, too', async () => {
    expect(await here('stop', 'db', '--yes')).toMatchObject({ code: 0 });
    expect(await here('replace', 'db-1', '--yes')).toMatchObject({ code: 0 });
    expect(await machines()).toEqual(expect.arrayContaining(['db-1 ready', 'agent-1 ready']));
  });
});

describe('down --only', () => {
  it('ends these machines and who shares them, says so, and up brings them back', async () => {
    const asked = await here('down', '--only', 'db-1');
    expect(asked).toMatchObject({ code: 2 });
    expect(asked.stderr).toMatch(
      /^These machines of "stack" would be terminated:\n {2}app: agent-1\n {2}data: db-1\nagent-1 shares the instance of db-1 and goes along\.\n5 machines of "stack" stay\.\nCannot ask/,
    );
    const ran = await here('down', '--only', 'db-1', '--yes');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain('agent-1, db-1 of "stack": terminated; 5 machines stay.\n');
    expect(await machines()).toEqual([
      'db-0 ready',
      'db-1 terminated',
      'web-0 ready',
      'web-1 ready',
      'web-2 ready',
      'agent-0 ready',
      'agent-1 terminated',
    ]);
    const again = await here('down', '--only', 'db-1', '--yes');
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain('Nothing to do in "stack": what is selected is terminated already.');
    expect(await here('up', 'stack.yml')).toMatchObject({ code: 0 });
    expect((await machines()).every((line) => line.endsWith(' ready'))).toBe(true);
  });

  it('takes selectors of every kind, united, without what is excluded', async () => {
    const dry = await here(
      'down',
      '--dry-run',
      '--only',
      'agent',
      '-l',
      'service=web,index=0',
      '--exclude',
      'agent-0',
    );
    expect(dry).toMatchObject({
      code: 0,
      stdout: [
        'stack: would terminate 2 machines, 5 would stay',
        'first: app',
        '  tear down and terminate agent-1, on the instance of db-1',
        'then: app',
        '  terminate web-0',
        'It would be refused without --force-protected: web-0 are of protected services',
        '',
      ].join('\n'),
    });
  });

  it('goes on after it was killed', async () => {
    const directories = { path: space.path, stateDirectory: join(space.path, '.plan') };
    for (const event of [4, 7, 9]) {
      await killedAt(event, directories, ['down', '--only', 'db', '--yes']);
      expect(await here('down', '--only', 'db', '--yes')).toMatchObject({ code: 0 });
      expect(await machines()).toEqual([
        'db-0 terminated',
        'db-1 terminated',
        'web-0 ready',
        'web-1 ready',
        'web-2 ready',
        'agent-0 terminated',
        'agent-1 terminated',
      ]);
      expect(await here('up', 'stack.yml')).toMatchObject({ code: 0 });
    }
  });

  it.each([
    [['--only', 'nobody'], 'Cannot select "nobody"'],
    [['--exclude', 'web-0'], 'Cannot select machines'],
    [['--only', 'web-0', '--purge'], 'Cannot use --purge with --only'],
    [['stack', 'other', '--only', 'web-0'], 'Cannot use --only with several deployments'],
  ])('refuses %j, and touches nothing', async (argv, message) => {
    const ran = await here('down', '--yes', ...argv);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(message);
    expect((await machines()).every((line) => line.endsWith(' ready'))).toBe(true);
  });
});

describe('down of protected machines', () => {
  it.each([[[]], [['--only', 'web-1']], [['small']], [['small', 'stack']]])(
    'is refused before anything is asked or touched: %j',
    async (argv) => {
      await here('up', 'small.yml');
      const names = argv.includes('small') || argv.includes('--only') ? argv : ['stack'];
      const isFree = argv.length === 1 && argv[0] === 'small';
      const ran = await here('down', ...(argv.includes('--only') ? ['stack'] : []), ...names, '--yes');
      if (!isFree) {
        expect(ran.code).toBe(2);
        expect(ran.stderr).toMatch(
          /^Cannot terminate ("web-0", "web-1", "web-2"|"web-1"): service "web" is protected\n/,
        );
        expect((await here('status', 'small')).code).toBe(0);
      } else expect(ran.code).toBe(0);
      expect((await machines()).every((line) => line.endsWith(' ready'))).toBe(true);
      await here('down', 'small', '--yes');
    },
  );
});

describe('down --dry-run', () => {
  it('lists what would go, in the order in which it goes, and touches nothing', async () => {
    const dry = await here('down', '--dry-run', '--force-protected');
    expect(dry).toMatchObject({
      code: 0,
      stdout: [
        'stack: would terminate 7 machines',
        'first: app',
        '  tear down and terminate agent-0, on the instance of db-0',
        '  tear down and terminate agent-1, on the instance of db-1',
        'then: app',
        '  terminate web-0, web-1, web-2',
        'then: data',
        '  tear down and terminate db-0, db-1',
        '',
      ].join('\n'),
    });
    expect((await here('down', '--dry-run', '--skip-teardown', '--only', 'db-0')).stdout).not.toContain(
      'tear down',
    );
    const [, departures, result] = jsonLines((await here('down', '--dry-run', '--json')).stdout);
    expect(departures).toMatchObject({
      type: 'departures',
      deployment: 'stack',
      staying: 0,
      protected: ['web-0', 'web-1', 'web-2'],
      levels: [{ level: 'app' }, { level: 'app' }, { level: 'data' }],
    });
    expect(result).toMatchObject({ type: 'result', outcome: 'succeeded', dryRun: true });
    expect((await machines()).every((line) => line.endsWith(' ready'))).toBe(true);
  });
});
