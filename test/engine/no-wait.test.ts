import { describe, expect, it } from 'vitest';
import type { OperationResult } from '../../src/engine/operation.ts';
import { up } from '../../src/engine/up.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { statusDocument } from '../../src/state/status.ts';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import { ec2Operations } from '../support/ec2-operation.ts';
import type { Harness, HarnessOptions } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';
import type { KillPoint } from '../support/mortal.ts';

const TWO_LEVELS = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, attempts: { launch: 2 } }
  - name: app
    services:
      web: { count: 3, bootstrap: { run: "true" } }
`;

const SLOW: HarnessOptions = { bootTime: 60_000 };

function ask({ wiring }: Pick<Harness, 'wiring'>, plan: Plan) {
  const { signal } = new AbortController();
  return up(wiring, { plan, adopt: false, wait: false, readPlan: () => Promise.resolve(plan) }, { signal });
}

function statusOf({ state }: OperationResult) {
  return statusDocument(state, { plan: (path) => path, log: (path) => path });
}

describe('up() with wait: false', () => {
  it('comes back when the machines of the first level are given, and status says how far they are', async () => {
    await using harness = await createHarness(SLOW);
    const started = harness.clock.now();
    const result = await ask(harness, await harness.plan(TWO_LEVELS));
    expect(result).toMatchObject({ outcome: 'succeeded', worked: true });
    expect(harness.clock.now() - started).toBeLessThan(1_000);
    expect(summary(result.state)).toBe(
      'db-0 launching\ndb-1 launching\nweb-0 pending\nweb-1 pending\nweb-2 pending',
    );
    expect(statusOf(result)).toMatchObject({
      state: 'starting',
      operation: { kind: 'up', outcome: 'succeeded' },
    });
    expect([...result.state.instances.values()].map(({ machine }) => machine)).toEqual(['db-0', 'db-1']);
    expect(ran(harness.machines)).toEqual([]);
    expect(harness.cloud.calls.describe).toBe(0);
  });

  it('asks for nothing twice, alone or when an ordinary one goes on from there', async () => {
    await using harness = await createHarness(SLOW);
    const plan = await harness.plan(TWO_LEVELS);
    await ask(harness, plan);
    expect(await ask(harness, plan)).toMatchObject({ outcome: 'succeeded', worked: false });
    expect(harness.cloud.calls.launch).toBe(1);
    expect((await harness.up(plan)).outcome).toBe('succeeded');
    expect(harness.cloud.calls.launch).toBe(2);
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1', 'web-0', 'web-1', 'web-2']);
    expect(harness.cloud.calls.terminate).toBe(0);
  });

  it('asks for the machines of the lowest level that is not ready', async () => {
    await using harness = await createHarness(SLOW);
    await harness.up(await harness.plan(TWO_LEVELS.replace('web: { count: 3,', 'web: { count: 1,')));
    const { outcome, state } = await ask(harness, await harness.plan(TWO_LEVELS));
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe('db-0 ready\ndb-1 ready\nweb-0 ready\nweb-1 launching\nweb-2 launching');
  });

  it('leaves to an ordinary one what is to be replaced, labelled, bootstrapped and ended', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(TWO_LEVELS));
    const calls = { ...harness.cloud.calls };
    const scripts = ran(harness.machines).length;
    const changed = TWO_LEVELS.replace('count: 2,', 'count: 1, image: other, labels: { a: b },');
    const plan = await harness.plan(
      changed.replace(
        'web: { count: 3, bootstrap: { run: "true" } }',
        'web: { count: 3, bootstrap: { run: "false" } }',
      ),
    );
    const { outcome } = await ask(harness, plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1', 'web-0', 'web-1', 'web-2']);
    expect(harness.cloud.calls).toEqual(calls);
    expect(ran(harness.machines)).toHaveLength(scripts);
  });

  it('tries again what is refused for now', async () => {
    await using harness = await createHarness(SLOW);
    harness.cloud.refuse(1, 5_000);
    const { outcome, state } = await ask(harness, await harness.plan(TWO_LEVELS));
    expect(outcome).toBe('succeeded');
    expect([...state.instances.values()].map(({ machine }) => machine)).toEqual(['db-0', 'db-1']);
  });

  it('fails when fewer machines are given than a service needs, and the next goes on', async () => {
    await using harness = await createHarness(SLOW);
    harness.cloud.refuse(1, null);
    const plan = await harness.plan(TWO_LEVELS);
    const { outcome, state } = await ask(harness, plan);
    expect(outcome).toBe('failed');
    expect(summary(state)).toContain('db-0 failed (launch: Cannot launch:');
    expect(await ask(harness, plan)).toMatchObject({ outcome: 'succeeded', worked: true });
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1']);
  });

  it('does without machines that are not needed', async () => {
    await using harness = await createHarness(SLOW);
    harness.cloud.capacity = 1;
    const plan = await harness.plan(TWO_LEVELS.replace('count: 2,', 'count: { min: 1, max: 2 },'));
    const { outcome, state } = await ask(harness, plan);
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toMatch(/^db-0 launching\ndb-1 failed/);
  });

  it('asks for no machine that shares another one before that is ready', async () => {
    await using harness = await createHarness(SLOW);
    const plan = await harness.plan(
      TWO_LEVELS.replace(
        'attempts: { launch: 2 } }',
        'attempts: { launch: 2 } }\n      agent: { count: 2, colocate: db }',
      ),
    );
    const { outcome, state } = await ask(harness, plan);
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toContain('agent-0 pending\nagent-1 pending');
    expect((await harness.up(plan)).outcome).toBe('succeeded');
  });

  it('loses nothing when its process dies at any point', async () => {
    for (const moment of ['before', 'during', 'after'] as const)
      for (let nth = 1; await survives({ nth, moment }); nth += 1);
  });

  async function survives(at: KillPoint): Promise<boolean> {
    await using harness = await createHarness({ ...SLOW, store: 'memory' });
    const plan = await harness.plan(TWO_LEVELS);
    const died = await harness.inProcess('ask', at, (wiring) => ask({ wiring }, plan));
    expect((await harness.process('up', plan)).result?.outcome).toBe('succeeded');
    expect(harness.cloud.alive().toSorted()).toEqual(['db-0', 'db-1', 'web-0', 'web-1', 'web-2']);
    return died.result === null;
  }
});

it('RunInstances is called once by an up that does not wait and the one that goes on', async () => {
  await using endpoint = await startEc2Endpoint({ settings: { bootTime: 1_000 } });
  const address = { ...endpoint, image: endpoint.fixtures().debian };
  await using operations = await ec2Operations(address, { machines: 3, pollInterval: '100ms' });
  const launches = (): number =>
    endpoint.calls.filter(
      ({ action, params }) => action === 'RunInstances' && params.get('DryRun') !== 'true',
    ).length;
  const asked = await operations.up({ wait: false });
  expect(asked.outcome).toBe('succeeded');
  expect(endpoint.instances().map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
  expect(launches()).toBe(1);
  expect(await operations.up()).toMatchObject({ outcome: 'succeeded', worked: true });
  expect(launches()).toBe(1);
  expect(endpoint.instances()).toHaveLength(3);
});
