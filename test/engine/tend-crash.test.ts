import { describe, expect, it } from 'vitest';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, summary } from '../support/harness.ts';
import type { KillPoint } from '../support/mortal.ts';
import type { Tending, Verb } from '../support/tending.ts';
import { SERIAL, tend, tendUntil } from '../support/tending.ts';

const STACK = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { bootstrap: { run: "true" }, verify: { run: "true", interval: 1s, timeout: 3s }, teardown: { run: "true" }, outputs: [token] }
  - name: app
    services:
      web:
        count: 2
        env: { DB: "{{services.db.hostname}}", TOKEN: "{{services.db.token}}" }
        bootstrap: { run: "true" }
        verify: { run: "true" }
        teardown: { run: "true" }
      cache: {}
`;
const NAMES = ['db-0', 'web-0', 'web-1', 'cache-0'];

interface Scenario {
  readonly name: string;
  /** What leads to it. */
  readonly before: readonly (readonly [Verb, Tending])[];
  readonly killed: readonly [Verb, Tending];
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'stop', before: [], killed: ['stop', {}] },
  { name: 'stop with teardown', before: [], killed: ['stop', { teardown: true }] },
  { name: 'start', before: [['stop', {}]], killed: ['start', {}] },
  { name: 'start after a teardown', before: [['stop', { teardown: true }]], killed: ['start', {}] },
  { name: 'reboot', before: [], killed: ['reboot', {}] },
  { name: 'replace', before: [], killed: ['replace', {}] },
  { name: 'replace one by one', before: [], killed: ['replace', { pace: SERIAL }] },
];

async function begin({ before }: Scenario, store: 'memory' | 'sqlite') {
  const harness = await createHarness({
    store,
    bootTime: 150,
    endTime: 150,
    stopTime: 150,
    consistencyDelay: 300,
    visibleAfter: 120,
    connectTakes: 20,
    behave: (machine, step) => {
      const hasOutput = machine.startsWith('db') && step === 'bootstrap';
      return { takes: 300, ...(hasOutput ? { outputs: `token=of-${machine}\n` } : {}) };
    },
  });
  const plan = await harness.plan(STACK);
  await harness.up(plan);
  for (const [verb, options] of before) await tend(harness, verb, plan, options);
  return { harness, plan };
}

/** Everything that lives is a machine's, and every machine has one. */
function expectAccounted({ cloud }: Harness, { machines, instances, batches }: DeploymentState): void {
  expect([...machines.values()].map(({ id }) => id).toSorted()).toEqual(cloud.aliveIds().toSorted());
  expect([...instances.keys()].toSorted()).toEqual(cloud.aliveIds().toSorted());
  expect([...batches]).toEqual([]);
}

/** Killed there, then `up`, or the same again and `up`. */
async function survive(
  scenario: Scenario,
  store: 'memory' | 'sqlite',
  at: KillPoint,
  again: boolean,
): Promise<void> {
  const { harness, plan } = await begin(scenario, store);
  await using _ = harness;
  const [verb, options] = scenario.killed;
  const tokens = new Set(harness.cloud.instances.map(({ token, index }) => `${token} ${index}`));
  const cut = await tendUntil(harness, verb, plan, at, { ...options, machines: NAMES });
  expect(cut.result).toBeNull();
  const ids = harness.cloud.aliveIds();
  if (again) await tendUntil(harness, verb, plan, null, { ...options, machines: NAMES });
  const { result } = await harness.process('up', plan);
  if (result === null) throw new Error('The second process was killed');
  expect(summary(result.state)).toBe(NAMES.map((name) => `${name} ready`).join('\n'));
  expect(result.outcome).toBe('succeeded');
  expectAccounted(harness, result.state);
  if (verb !== 'replace') expect(harness.cloud.instances).toHaveLength(NAMES.length);
  else if (!again) expect(ids.length).toBeGreaterThanOrEqual(NAMES.length - 2);
  for (const { token, index } of harness.cloud.instances) tokens.add(`${token} ${index}`);
  expect(tokens.size).toBe(harness.cloud.instances.length);
  const runs = harness.machines.executions
    .filter(({ step }) => step !== 'verify')
    .map(({ machine, step, generation, attempt }) => `${machine} ${step} ${generation} ${attempt}`);
  expect(runs.filter((run, i) => runs.indexOf(run) !== i)).toEqual([]);
  expect((await harness.process('up', plan)).result?.worked).toBe(false);
}

const MOMENTS = ['before', 'during', 'after'] as const;

async function surviveEveryKill(
  scenario: Scenario,
  store: 'memory' | 'sqlite',
  only: (deed: string) => boolean,
  again: boolean,
): Promise<number> {
  const { harness, plan } = await begin(scenario, store);
  const [verb, options] = scenario.killed;
  const { deeds } = await tendUntil(harness, verb, plan, null, { ...options, machines: NAMES });
  await harness[Symbol.asyncDispose]();
  const problems: string[] = [];
  let count = 0;
  for (const [i, deed] of deeds.entries()) {
    if (!only(deed)) continue;
    for (const moment of MOMENTS) {
      if (moment === 'during' && !deed.startsWith('cloud')) continue;
      count += 1;
      try {
        await survive(scenario, store, { nth: i + 1, moment }, again);
      } catch (error) {
        problems.push(
          `${moment} ${i + 1} "${deed}": ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
  expect(problems).toEqual([]);
  return count;
}

describe.each(SCENARIOS)('$name that is killed', { timeout: 180_000 }, (scenario) => {
  it('at any commit is brought to ready by up', async () => {
    const count = await surviveEveryKill(scenario, 'sqlite', (deed) => deed.startsWith('commit'), false);
    expect(count).toBeGreaterThan(8);
  });

  it.each([
    ['up', false],
    ['the same and up', true],
  ])('at any call to a provider or script is brought to ready by %s', async (_, again) => {
    const count = await surviveEveryKill(scenario, 'memory', (deed) => !deed.startsWith('commit'), again);
    expect(count).toBeGreaterThan(8);
  });
});
