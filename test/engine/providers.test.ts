import { describe, expect, it } from 'vitest';
import { olderPlans } from '../../src/engine/older-plans.ts';
import { readOnce } from '../../src/engine/retired.ts';
import type { EngineEvent } from '../../src/engine/operation.ts';
import type { ProviderSources } from '../../src/engine/providers.ts';
import { openProviders } from '../../src/engine/providers.ts';
import { up } from '../../src/engine/up.ts';
import type { PlanSource } from '../../src/machine.ts';
import type { Plan, ProviderConfig } from '../../src/plan/plan.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { createHarness } from '../support/harness.ts';

const PAIR = `
version: 1
name: pair
providers: { here: { type: local } }
levels: [{ name: app, services: { web: { count: 2, provider: here }, db: {} } }]
`;

const LESS = `
version: 1
name: pair
levels: [{ name: app, services: { db: {} } }]
`;

/** Configurations that were opened, and where, and what was told. */
function opening(calls: Readonly<Record<string, number>>, plan: Plan, sources?: ProviderSources) {
  const opened: string[] = [];
  const told: EngineEvent[] = [];
  const closed: string[] = [];
  const wiring = {
    async provider({ name, type }: ProviderConfig, place: string | null) {
      await using harness = await createHarness({ store: 'memory' });
      opened.push(`${name} ${type} ${place ?? '-'}`);
      return {
        ...harness.cloud,
        apiCalls: new Map(name === 'local' ? [] : Object.entries(calls)),
        close: () => Promise.resolve(void closed.push(name)),
      };
    },
    observe: (event: EngineEvent) => void told.push(event),
  };
  return { opened, told, closed, providers: openProviders(wiring, plan, sources) };
}

describe('openProviders()', () => {
  it('opens what the plan declares, else what an older one does, else by type, with the recorded place', async () => {
    await using harness = await createHarness();
    const [full, less] = [await harness.plan(PAIR), await harness.plan(LESS)];
    const { opened, closed, providers } = opening({}, less, {
      olderPlans: [less, full],
      places: new Map([
        ['here', 'us-west-2'],
        ['local', null],
      ]),
    });
    await providers.open(['here', 'local']);
    await providers.open(['here', 'docker']);
    expect(opened).toEqual(['here local us-west-2', 'local local -', 'docker docker -']);
    expect(() => providers.get('west')).toThrow('is not open');
    await providers.close();
    expect(closed).toEqual(['here', 'local', 'docker']);
  });

  it('tells the API calls of each provider that counts them, and the machines that it had meanwhile', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    const { state } = await harness.up(plan);
    const { told, providers } = opening({ RunInstances: 1, DescribeInstances: 3 }, plan, { state });
    await providers.open(['here', 'local']);
    const web = state.machines.get('web-0');
    if (web !== undefined) state.machines.set('web-0', { ...web, stage: 'gone' });
    expect(told).toEqual([]);
    await providers.close();
    expect(told).toEqual([
      {
        type: 'api-calls',
        provider: 'here',
        calls: { RunInstances: 1, DescribeInstances: 3 },
        machines: 2,
      },
    ]);
  });

  it('are opened by an up, which tells their API calls before its end', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PAIR);
    const apiCalls = new Map([['RunInstances', 1]]);
    const provider = () => Promise.resolve({ ...harness.cloud, apiCalls });
    const wiring = { ...harness.wiring, provider };
    const readPlan = () => Promise.resolve(null);
    await up(wiring, { plan, adopt: false, readPlan }, { signal: new AbortController().signal });
    expect(harness.events.slice(-3)).toMatchObject([
      { type: 'api-calls', provider: 'here', machines: 2 },
      { type: 'api-calls', provider: 'local', machines: 1 },
      { type: 'fact', fact: { type: 'operation-ended' } },
    ]);
  });

  it('tells nothing where there is no deployment to tell it of', async () => {
    await using harness = await createHarness();
    const { told, providers } = opening({ RunInstances: 1 }, await harness.plan(PAIR));
    await providers.open(['here']);
    await providers.close();
    expect(told).toEqual([]);
  });
});

describe('olderPlans()', () => {
  it('reads each plan once that declares what machines still have', async () => {
    await using harness = await createHarness();
    const [full, less] = [await harness.plan(PAIR), await harness.plan(LESS)];
    const { state } = await harness.up(full);
    const asked: PlanSource[] = [];
    const read = (answer: Plan | null) => (source: PlanSource) => {
      asked.push(source);
      return Promise.resolve(answer);
    };
    expect(await olderPlans(state, full, read(full))).toEqual([]);
    expect(asked).toEqual([]);
    expect(await olderPlans(state, less, readOnce(read(full)))).toEqual([full]);
    expect(await olderPlans(state, less, readOnce(read(null)))).toEqual([]);
    expect(asked.map(({ path }) => path)).toEqual([full.path, full.path]);
    const gone: Pick<DeploymentState, 'machines'> = {
      machines: new Map([...state.machines].map(([name, machine]) => [name, { ...machine, stage: 'gone' }])),
    };
    expect(await olderPlans(gone, less, read(full))).toEqual([]);
  });
});
