import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forecastText } from '../../src/cli/forecast.ts';
import type { Difference, Forecast } from '../../src/engine/difference.ts';
import { forecast } from '../../src/engine/forecast.ts';
import { retiredPlans } from '../../src/engine/retired.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, summary } from '../support/harness.ts';
import type { KillPoint } from '../support/mortal.ts';

const ONE = (service: string): string => `
version: 1
name: stack
levels:
  - name: app
    services:
      web: ${service}
`;

const TWO = (db: string, web: string): string => `
version: 1
name: stack
levels:
  - { name: data, services: { db: ${db} } }
  - { name: app, services: { web: ${web} } }
`;

/** What `up` with this plan would do; `recorded`: the plan that services of old came from. */
async function foretold(harness: Harness, text: string, recorded?: Plan): Promise<Forecast> {
  const plan = await harness.plan(text);
  const state = await harness.store.load(plan.deployment);
  const known = new Set(plan.levels.flatMap(({ services }) => services.map(({ name }) => name)));
  const machines = [...(state?.machines ?? [])].map(
    ([name, machine]) => [name, { ...machine, wanted: known.has(machine.service) }] as const,
  );
  const retired =
    state === null || recorded === undefined
      ? new Map<string, Plan>()
      : await retiredPlans({ ...state, machines: new Map(machines) }, plan, () => Promise.resolve(recorded));
  return forecast(plan, state, { fingerprint: (one) => harness.store.fingerprint(one), retired });
}

/** What became of the machines, as `action machine`, read off the facts. */
function done(harness: Harness, before: DeploymentState, after: DeploymentState): readonly string[] {
  const deeds = new Set<string>();
  const replaced = new Set<string>();
  const fresh = new Set<string>();
  for (const event of harness.events) {
    if (event.type !== 'fact') continue;
    const { fact } = event;
    if (fact.type === 'machine-revised') {
      // What a machine with another instance is told anew is part of its launch.
      if (!fresh.has(fact.machine)) deeds.add(`${fact.to} ${fact.machine}`);
      if (fact.to === 'replace') for (const set of [replaced, fresh]) set.add(fact.machine);
    } else if (fact.type === 'machine-labelled') deeds.add(`label ${fact.machine}`);
    else if (fact.type === 'launch-requested')
      for (const { name } of fact.batch.machines) {
        if (!replaced.has(name)) deeds.add(`launch ${name}`);
        fresh.add(name);
      }
  }
  for (const machine of after.machines.values())
    if (machine.stage === 'gone' && before.machines.get(machine.name)?.stage !== 'gone')
      deeds.add(`terminate ${machine.name}`);
  return [...deeds].sort();
}

function kinds(differences: readonly Difference[]): readonly string[] {
  return differences.map(({ action, machine }) => `${action} ${machine}`).sort();
}

const FULL = '{ bootstrap: { run: "true" }, verify: { run: "true" } }';
const TORN = '{ bootstrap: { run: "true" }, teardown: { run: "true" } }';

/** A service that may use the one below it, and whose every key may be another one in the next plan. */
const anyService = fc
  .record({
    count: fc.integer({ min: 0, max: 3 }),
    image: fc.constantFrom('', 'image: one', 'image: two'),
    env: fc.constantFrom(
      '',
      'env: { A: "1" }',
      'env: { A: "2", B: "{{self.index}}" }',
      'env: { A: "{{join services.low.all.hostname \',\'}}" }',
      'env: { A: "{{join services.SELF.all.name \',\'}}" }',
    ),
    files: fc.constantFrom('', 'files: [{ target: a, content: "{{self.address}}" }]'),
    bootstrap: fc.constantFrom('', 'bootstrap: { run: "true" }', 'bootstrap: { run: "date" }'),
    verify: fc.constantFrom('', 'verify: { run: "true" }', 'verify: { run: "date" }'),
    teardown: fc.constantFrom('', 'teardown: { run: "true" }'),
    labels: fc.constantFrom('', 'labels: { a: "1" }', 'labels: { a: "2" }'),
    ssh: fc.constantFrom('', 'ssh: { user: admin }'),
    outputs: fc.constantFrom('', 'outputs: { role: { value: "{{self.hostname}}" } }'),
    update: fc.constantFrom('', 'update: { maxUnavailable: 1 }'),
  })
  .map(({ count, ...keys }) => {
    const given = Object.values(keys).filter((key) => key !== '');
    return `{ ${[`count: ${count}`, ...given].join(', ')} }`;
  });

const anyPlan = fc
  .record({ low: anyService, high: anyService, other: anyService, name: fc.constantFrom('web', 'site') })
  .map(({ low, high, other, name }) => {
    const service = (called: string, text: string): string => `${called}: ${text.replaceAll('SELF', called)}`;
    return `
version: 1
name: stack
levels:
  - { name: data, services: { ${service('low', low)} } }
  - { name: app, services: { ${service(name, high)}, ${service('other', other)} } }
`;
  });

describe('forecast()', () => {
  it.each<[string, string, string, string]>([
    ['nothing', ONE(FULL), ONE(FULL), 'No differences'],
    [
      'verify',
      ONE(FULL),
      ONE('{ bootstrap: { run: "true" }, verify: { run: "date" } }'),
      'stack: would verify again 1 machine\nlevel 1 of 1: app\n  verify again web-0: check run changed',
    ],
    [
      'env',
      ONE('{ count: 3, env: { A: "1", B: x }, bootstrap: { run: "true" } }'),
      ONE('{ count: 3, env: { A: "2", C: x }, bootstrap: { run: "true" } }'),
      'stack: would bootstrap again 3 machines\nlevel 1 of 1: app\n  bootstrap again web-0, web-1, web-2: env A changed, env C is new, env B is gone',
    ],
    [
      'env of one machine',
      ONE('{ count: 2, env: { A: "{{self.index}}" }, bootstrap: { run: "true" } }'),
      ONE(
        '{ count: 2, env: { A: "{{#if (eq self.index 1)}}x{{else}}0{{/if}}" }, bootstrap: { run: "true" } }',
      ),
      'stack: would bootstrap again 1 machine\nlevel 1 of 1: app\n  bootstrap again web-1: env A changed',
    ],
    [
      'args',
      ONE('{ bootstrap: { run: "true", args: [a] } }'),
      ONE('{ bootstrap: { run: "true", args: [b] } }'),
      'stack: would bootstrap again 1 machine\nlevel 1 of 1: app\n  bootstrap again web-0: args changed',
    ],
    [
      'the script',
      ONE('{ bootstrap: { run: "true" } }'),
      ONE('{ bootstrap: { run: "date" } }'),
      'stack: would bootstrap again 1 machine\nlevel 1 of 1: app\n  bootstrap again web-0: script changed',
    ],
    [
      'files',
      ONE('{ files: [{ target: a, content: x }] }'),
      ONE('{ files: [{ target: a, content: y }] }'),
      'stack: would bootstrap again 1 machine\nlevel 1 of 1: app\n  bootstrap again web-0: file a changed',
    ],
    [
      'outputs',
      ONE('{ bootstrap: { run: "true" } }'),
      ONE('{ bootstrap: { run: "true" }, outputs: { role: { value: main } } }'),
      'stack: would bootstrap again 1 machine\nlevel 1 of 1: app\n  bootstrap again web-0: output role is new',
    ],
    [
      'ssh',
      ONE(FULL),
      ONE('{ bootstrap: { run: "true" }, verify: { run: "true" }, ssh: { user: admin } }'),
      'stack: would connect again to 1 machine\nlevel 1 of 1: app\n  connect again to web-0: ssh: user is new',
    ],
    [
      'labels',
      ONE('{ labels: { a: "1" } }'),
      ONE('{ labels: { a: "2" } }'),
      'stack: would label again 1 machine\nlevel 1 of 1: app\n  label again web-0: labels: a changed',
    ],
    [
      'the image',
      ONE('{ image: one, bootstrap: { run: "true" } }'),
      ONE('{ image: two, bootstrap: { run: "true" } }'),
      'stack: would replace 1 machine\nlevel 1 of 1: app\n  replace web-0: image changed',
    ],
    [
      'the image of what has a teardown',
      ONE('{ image: one, bootstrap: { run: "true" }, teardown: { run: "true" } }'),
      ONE('{ image: two, bootstrap: { run: "true" }, teardown: { run: "true" } }'),
      'stack: would replace 1 machine\nlevel 1 of 1: app\n  tear down and replace web-0: image changed',
    ],
    [
      'timeouts, attempts and teardown',
      ONE('{ bootstrap: { run: "true" } }'),
      ONE('{ bootstrap: { run: "true", timeout: 7m }, attempts: { launch: 9 }, teardown: { run: "true" } }'),
      'No differences; recorded only: the plan changed in nothing that a machine is made with',
    ],
    [
      'the count, which grows',
      ONE('{ count: 2 }'),
      ONE('{ count: 4 }'),
      'stack: would launch 2 machines\nlevel 1 of 1: app\n  launch web-2, web-3: the count was 2',
    ],
    [
      'the count, which shrinks',
      ONE(`{ count: 3, bootstrap: { run: "true" }, teardown: { run: "true" } }`),
      ONE(`{ count: 1, bootstrap: { run: "true" }, teardown: { run: "true" } }`),
      'stack: would terminate 2 machines\nat the end\n  tear down and terminate web-1, web-2: the count is 1',
    ],
    [
      'a service, which is renamed',
      ONE(TORN),
      ONE(TORN).replace('web:', 'site:'),
      'stack: would launch 1, terminate 1 machine\nlevel 1 of 1: app\n  launch site-0: service site is new\nafter every level\n  tear down and terminate web-0: service web is gone',
    ],
    [
      'a level, which is removed',
      TWO(FULL, FULL),
      ONE(FULL).replace('web:', 'db:').replace('name: app', 'name: data'),
      'stack: would terminate 1 machine\nat the end\n  terminate web-0: level app is gone',
    ],
    [
      'the level of a service',
      TWO(FULL, FULL),
      TWO(FULL, FULL).replace('db:', 'x:').replace('web:', 'db:').replace('x:', 'web:'),
      'No differences; recorded only: the plan changed in nothing that a machine is made with',
    ],
    [
      'an upstream, which is replaced',
      TWO(
        '{ image: one }',
        '{ count: 2, env: { DB: "{{services.db.hostname}}" }, bootstrap: { run: "true" }, verify: { run: "true" } }',
      ),
      TWO(
        '{ image: two }',
        '{ count: 2, env: { DB: "{{services.db.hostname}}" }, bootstrap: { run: "true" }, verify: { run: "true" } }',
      ),
      'stack: would replace 1, bootstrap again 2 machines\nlevel 1 of 2: data\n  replace db-0: image changed\nlevel 2 of 2: app\n  bootstrap again web-0, web-1: env DB changed: db-0 is replaced (if that makes a difference)',
    ],
    [
      'an upstream, in a file',
      TWO(
        '{ image: one }',
        '{ files: [{ target: a, content: "{{services.db.address}}" }], env: { B: "1" } }',
      ),
      TWO(
        '{ image: two }',
        '{ files: [{ target: a, content: "{{services.db.address}}" }], env: { B: "2" } }',
      ),
      'stack: would replace 1, bootstrap again 1 machine\nlevel 1 of 2: data\n  replace db-0: image changed\nlevel 2 of 2: app\n  bootstrap again web-0: env B changed, file a changed: db-0 is replaced',
    ],
    [
      'an upstream, whose verify is all that depends on it',
      TWO('{ image: one }', '{ verify: { run: "true", args: ["{{services.db.hostname}}"] } }'),
      TWO('{ image: two }', '{ verify: { run: "true", args: ["{{services.db.hostname}}"] } }'),
      'stack: would replace 1, verify again 1 machine\nlevel 1 of 2: data\n  replace db-0: image changed\nlevel 2 of 2: app\n  verify again web-0: check run changed: db-0 is replaced (if that makes a difference)',
    ],
    [
      'an upstream, in what nobody uses',
      TWO('{ image: one }', '{ env: { DB: "{{services.db.name}}" }, bootstrap: { run: "true" } }'),
      TWO('{ image: two }', '{ env: { DB: "{{services.db.name}}" }, bootstrap: { run: "true" } }'),
      'stack: would replace 1 machine\nlevel 1 of 2: data\n  replace db-0: image changed',
    ],
    [
      'a quorum, which grows',
      ONE('{ count: 2, env: { P: "{{join services.web.all.hostname \',\'}}" }, bootstrap: { run: "true" } }'),
      ONE('{ count: 3, env: { P: "{{join services.web.all.hostname \',\'}}" }, bootstrap: { run: "true" } }'),
      'stack: would launch 1, bootstrap again 2 machines\nlevel 1 of 1: app\n  bootstrap again web-0, web-1: env P changed: web-2 is launched\n  launch web-2: the count was 2',
    ],
    [
      'a crowd that rolls',
      ONE('{ count: 20, env: { A: "1" }, update: { maxUnavailable: 2 }, bootstrap: { run: "true" } }'),
      ONE('{ count: 20, env: { A: "2" }, update: { maxUnavailable: 2 }, bootstrap: { run: "true" } }'),
      'stack: would bootstrap again 20 machines\nlevel 1 of 1: app\n  bootstrap again web-0 … web-19 (20 machines): env A changed',
    ],
  ])('of a change in %s is what up does', async (_, before, after, text) => {
    await using harness = await createHarness();
    const first = await harness.plan(before);
    const { state, outcome } = await harness.up(first);
    expect(outcome, summary(state)).toBe('succeeded');
    const recorded = await harness.store.load('stack');
    const told = await foretold(harness, after, first);
    expect(forecastText(told)).toBe(text);
    expect(await harness.store.load('stack')).toEqual(recorded);

    harness.events.length = 0;
    const second = await harness.up(await harness.plan(after));
    expect(second.outcome, summary(second.state)).toBe('succeeded');
    if (recorded !== null) expect(done(harness, recorded, second.state)).toEqual(kinds(told.differences));
    expect(second.worked).toBe(told.differences.length > 0);
    expect((await foretold(harness, after, first)).differences).toEqual([]);
  });

  it('of a deployment that is new launches everything, with what it cannot know as placeholders', async () => {
    await using harness = await createHarness();
    const web =
      '{ count: 2, env: { DB: "{{services.db.hostname}}:{{services.db.port}}" }, bootstrap: { run: "true" } }';
    const db = '{ outputs: { port: {}, key: { sensitive: true } }, bootstrap: { run: "true" } }';
    expect(forecastText(await foretold(harness, TWO(db, web)))).toBe(
      'stack: would launch 3 machines\nlevel 1 of 2: data\n  launch db-0: the deployment is new\nlevel 2 of 2: app\n  launch web-0, web-1: the deployment is new',
    );
  });

  it('of what was terminated launches it anew', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(ONE(FULL));
    await harness.up(plan);
    await harness.down(plan);
    expect(forecastText(await foretold(harness, ONE(FULL)))).toBe(
      'stack: would launch 1 machine\nlevel 1 of 1: app\n  launch web-0: it was terminated',
    );
  });

  it('of what failed goes on from there, and takes a changed plan into account', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-1' && step === 'bootstrap' ? 1 : 0 }),
    });
    const service = (a: string): string => ONE(`{ count: 3, env: { A: ${a} }, bootstrap: { run: "true" } }`);
    await harness.up(await harness.plan(service('x')));
    expect(forecastText(await foretold(harness, service('x')))).toBe(
      'stack: would go on with 1 machine\nlevel 1 of 1: app\n  go on with web-1: bootstrap failed',
    );
    expect(forecastText(await foretold(harness, service('y')))).toBe(
      'stack: would go on with 1, bootstrap again 2 machines\nlevel 1 of 1: app\n  bootstrap again web-0, web-2: env A changed\n  go on with web-1: bootstrap failed',
    );
  });

  it.each<[string, 'up' | 'down', string, KillPoint, string]>([
    [
      'a down that had begun to end it replaces it',
      'down',
      ONE(TORN),
      { nth: 1, of: 'cloud terminate', moment: 'before' },
      'stack: would replace 1 machine\nlevel 1 of 1: app\n  replace web-0: its teardown had begun',
    ],
    [
      'an up that had asked for it goes on with it',
      'up',
      ONE('{ count: 2, bootstrap: { run: "true" } }'),
      { nth: 1, of: 'cloud launch', moment: 'before' },
      'stack: would go on with 1 machine\nlevel 1 of 1: app\n  go on with web-1: launch is unfinished',
    ],
    [
      'an up whose bootstrap ran goes on with it',
      'up',
      ONE('{ env: { A: "2" }, bootstrap: { run: "true" }, teardown: { run: "true" } }'),
      { nth: 1, of: 'script', moment: 'during' },
      'stack: would go on with 1 machine\nlevel 1 of 1: app\n  go on with web-0: bootstrap is unfinished',
    ],
    [
      'an up that was replacing it goes on with that, and does not ask again',
      'up',
      ONE('{ image: two, bootstrap: { run: "true" }, teardown: { run: "true" } }'),
      { nth: 1, of: 'script', moment: 'before' },
      'stack: would replace 1 machine\nlevel 1 of 1: app\n  replace web-0: image changed',
    ],
    [
      'an up that had replaced it launches it, and ends what it was',
      'up',
      ONE('{ image: two, bootstrap: { run: "true" }, teardown: { run: "true" } }'),
      { nth: 1, of: 'cloud launch', moment: 'before' },
      'stack: would go on with 1, terminate 1 machine\nlevel 1 of 1: app\n  go on with web-0: launch is unfinished\n  terminate web-0: its former instance is left over: image changed',
    ],
  ])('after %s', async (_, kind, text, at, expected) => {
    await using harness = await createHarness({ store: 'memory', endTime: 1_000 });
    await harness.up(await harness.plan(ONE(TORN)));
    const plan = await harness.plan(text);
    expect((await harness.process(kind, plan, at)).result).toBeNull();
    const told = await foretold(harness, text);
    expect(forecastText(told)).toBe(expected);
    if (told.differences.some(({ action }) => action === 'replace' || action === 'terminate'))
      expect(told.differences.every(({ begun, action }) => begun || action === 'continue')).toBe(true);
    expect((await harness.up(plan)).outcome).toBe('succeeded');
    expect((await foretold(harness, text)).differences).toEqual([]);
  });

  it('tells that what was asked for and is not wanted any more goes, if it is there', async () => {
    await using harness = await createHarness({ store: 'memory' });
    await harness.up(await harness.plan(ONE('{}')));
    const end = await harness.process('up', await harness.plan(ONE('{ count: 2 }')), {
      nth: 1,
      of: 'cloud launch',
      moment: 'before',
    });
    expect(end.result).toBeNull();
    const { differences } = await foretold(harness, ONE('{}'));
    expect(differences).toMatchObject([
      {
        machine: 'web-1',
        action: 'terminate',
        cause: 'the count is 1, and its launch has no answer',
        conditional: true,
      },
    ]);
  });

  it('is what up does, whatever the plan and its change', async () => {
    await fc.assert(
      fc.asyncProperty(anyPlan, anyPlan, async (before, after) => {
        await using harness = await createHarness({ store: 'memory' });
        await harness.up(await harness.plan(before));
        const recorded = await harness.store.load('stack');
        const { differences } = await foretold(harness, after);
        harness.events.length = 0;
        const { outcome, state } = await harness.up(await harness.plan(after));
        expect(outcome, summary(state)).toBe('succeeded');
        if (recorded === null) throw new Error('Nothing was recorded');
        const deeds = done(harness, recorded, state);
        expect(kinds(differences)).toEqual(expect.arrayContaining([...deeds]));
        expect(deeds).toEqual(
          expect.arrayContaining([...kinds(differences.filter(({ conditional }) => !conditional))]),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('takes ten times as long for ten times as many machines, and not a hundred times', async () => {
    const took = async (count: number): Promise<number> => {
      await using harness = await createHarness({ store: 'memory' });
      const many = (a: string): string =>
        ONE(`{ count: ${count}, env: { A: ${a} }, bootstrap: { run: "true" }, verify: { run: "true" } }`);
      const { state } = await harness.up(await harness.plan(many('x')));
      const options = { fingerprint: (one: string) => harness.store.fingerprint(one), retired: new Map() };
      const before = performance.now();
      for (const [env, differences] of [
        ['x', 0],
        ['y', count],
      ] as const)
        expect(forecast(await harness.plan(many(env)), state, options).differences.length).toBe(differences);
      return performance.now() - before;
    };
    await took(500);
    const few = await took(1_000);
    expect((await took(10_000)) / few).toBeLessThan(50);
  });
});
