import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstIndexes, gapsIn } from '../../src/count.ts';
import { forecast } from '../../src/engine/forecast.ts';
import type { ScaleChange } from '../../src/engine/operation.ts';
import { applyOverrides } from '../../src/engine/overrides.ts';
import { scaledOverrides } from '../../src/engine/scale.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { servicesOf } from '../../src/plan/plan.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { statusDocument } from '../../src/state/status.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, ran } from '../support/harness.ts';

const PATHS = { plan: (path: string) => path, log: (path: string) => path };

function text(count: number | string = 3, more = ''): string {
  return `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { bootstrap: { run: "true" } }
  - name: app
    services:
      web: { count: ${count}, bootstrap: { run: "true" }, teardown: { run: "true" } }
      ${more}
`;
}

const to = (machines: number, ...remove: string[]): ScaleChange => ({
  service: 'web',
  count: { kind: 'to', machines },
  remove,
});
const by = (machines: number, ...remove: string[]): ScaleChange => ({
  service: 'web',
  count: { kind: 'by', machines },
  remove,
});
const without = (...remove: string[]): ScaleChange => ({ service: 'web', count: null, remove });

async function kept(harness: Harness): Promise<Plan> {
  const plan = await harness.recorded('stack');
  if (plan === null) throw new Error('No plan is recorded');
  return plan;
}

function web(state: DeploymentState) {
  const services = statusDocument(state, PATHS).levels.flatMap((level) => level.services);
  return services.find(({ name }) => name === 'web');
}

describe('scale()', () => {
  it('launches more machines, which every later up and repair keeps', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    const { outcome, state } = await harness.scale(await kept(harness), by(2));
    expect(outcome).toBe('succeeded');
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-0', 'web-1', 'web-2', 'web-3', 'web-4']);
    expect(state.operation?.kind).toBe('scale');
    expect(web(state)).toMatchObject({
      count: 5,
      ready: 5,
      state: 'ready',
      override: { planned: { min: 3, max: 3 }, without: [] },
    });
    expect((await harness.up(await harness.plan(text()))).worked).toBe(false);
    expect((await harness.repair(await kept(harness))).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toHaveLength(6);
  });

  it('takes the machines with the highest numbers away, torn down, and nothing else', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    const before = ran(harness.machines).length;
    await harness.scale(await kept(harness), to(1));
    expect(ran(harness.machines).slice(before)).toEqual(['web-1 teardown', 'web-2 teardown']);
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-0']);
  });

  it('goes without the machines that are named, also when it grows elsewhere', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    const { state } = await harness.scale(await kept(harness), without('web-0'));
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-1', 'web-2']);
    expect(web(state)).toMatchObject({
      count: 2,
      state: 'ready',
      override: { planned: { min: 3, max: 3 }, without: ['web-0'] },
    });
    expect((await harness.up(await harness.plan(text()))).worked).toBe(false);
    await harness.scale(await kept(harness), to(2, 'web-1'));
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-0', 'web-2']);
  });

  it('is forgotten once it says what the plan says', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    await harness.scale(await kept(harness), without('web-1'));
    const { state } = await harness.scale(await kept(harness), to(3));
    expect(state.overrides.size).toBe(0);
    expect(web(state)?.override).toBeNull();
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-0', 'web-1', 'web-2']);
  });

  it('is forgotten by an up whose plan says the same, or has no such service', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    await harness.scale(await kept(harness), to(5));
    const same = await harness.up(await harness.plan(text(5)));
    expect(same.state.overrides.size).toBe(0);
    expect(same.worked).toBe(false);
    await harness.scale(await kept(harness), to(2));
    const other = await harness.up(await harness.plan(text().replace('web:', 'site:')));
    expect(other.state.overrides.size).toBe(0);
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'site-0', 'site-1', 'site-2']);
  });

  it('goes without what was removed after an up whose plan says the same number', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    await harness.scale(await kept(harness), without('web-0'));
    const { state, worked } = await harness.up(await harness.plan(text(2)));
    expect(worked).toBe(false);
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-1', 'web-2']);
    expect(web(state)).toMatchObject({ count: 2, override: { planned: { max: 2 }, without: ['web-0'] } });
  });

  it('launches what was ended alone again, whatever else it changes', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    await harness.down(plan, { only: ['db-0', 'web-1'] });
    expect((await harness.scale(await kept(harness), to(3))).outcome).toBe('succeeded');
    expect([...harness.cloud.alive()].sort()).toEqual(['db-0', 'web-0', 'web-1', 'web-2']);
  });

  it('refuses a deployment that is down, and records nothing', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    await harness.down(plan);
    await expect(harness.scale(await kept(harness), to(5))).rejects.toThrow(
      'Cannot scale "stack": it is terminated',
    );
    expect((await harness.store.load('stack'))?.overrides.size).toBe(0);
  });

  it('refuses a deployment whose time is over, and records nothing', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text().replace('levels:', 'ttl: 1h\nlevels:')));
    await harness.clock.sleep(2 * 3_600_000, { signal: new AbortController().signal });
    await expect(harness.scale(await kept(harness), to(5))).rejects.toThrow(
      'Cannot scale "stack": its time is over since',
    );
    const state = await harness.store.load('stack');
    expect(state?.overrides.size).toBe(0);
    expect(state?.machines.has('web-3')).toBe(false);
  });

  it('holds against a plan that says something else again, which diff tells', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    await harness.scale(await kept(harness), to(2));
    const plan = await harness.plan(text(7));
    const state = await harness.store.load('stack');
    const found = forecast(plan, state, {
      fingerprint: (one) => harness.store.fingerprint(one),
      retired: new Map(),
    });
    expect(found.differences).toEqual([]);
    expect(found.overrides).toEqual([
      { service: 'web', planned: { min: 7, max: 7 }, count: { min: 2, max: 2 }, without: [] },
    ]);
    const { state: after } = await harness.up(plan);
    expect(web(after)).toMatchObject({ count: 2, override: { planned: { min: 7, max: 7 } } });
  });

  it('takes along what shares the machines', async () => {
    await using harness = await createHarness();
    const shares = 'agent: { colocate: web, bootstrap: { run: "true" }, teardown: { run: "true" } }';
    await harness.up(await harness.plan(text(3, shares)));
    const before = ran(harness.machines).length;
    const { outcome, state } = await harness.scale(await kept(harness), without('web-1'));
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual(['agent-1 teardown', 'web-1 teardown']);
    expect(
      [...state.machines.values()].filter(({ stage }) => stage === 'ready').map(({ name }) => name),
    ).toEqual(['db-0', 'web-0', 'web-2', 'agent-0', 'agent-2']);
  });

  it('keeps what a range of counts is content with', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text('{ min: 2, max: 3 }')));
    const { state } = await harness.scale(await kept(harness), to(6));
    expect(web(state)).toMatchObject({ min: 2, count: 6 });
    expect(web((await harness.scale(await kept(harness), to(1))).state)).toMatchObject({ min: 1, count: 1 });
  });

  it.each([
    [{ ...to(2), service: 'wep' }, /Cannot scale "wep": the plan has no service of that name/],
    [without('web-7'), /Cannot remove "web-7": it is no machine of service "web"/],
    [by(-4), /Cannot scale "web": it has 3 machines/],
    [to(20_000), /Cannot scale "web": 20000 is not a whole number from 0 to 10000/],
    [by(-1, 'web-0', 'web-1'), /1 machine would go, and 2 are named to be removed/],
    [{ ...to(2), service: 'desk' }, /the operator's computer is one machine/],
    [
      { service: 'db', count: { kind: 'to', machines: 0 }, remove: [] },
      /service "guest" shares its machines/,
    ],
  ] as const)('refuses %j', async (change, message) => {
    await using harness = await createHarness();
    const plan = await harness.plan(
      text(3, 'desk: { provider: operator }\n      guest: { colocate: db, count: 1 }'),
    );
    expect(() => scaledOverrides(plan, new Map(), [change])).toThrow(message);
  });

  it('has as many machines as were asked for, and the numbers that were not removed', () => {
    const change = fc.record({
      count: fc.option(fc.record({ kind: fc.constant('to' as const), machines: fc.nat(8) })),
      picks: fc.array(fc.nat(20), { maxLength: 2 }),
    });
    const plan = planOf();
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), (changes) => {
        let overrides: DeploymentState['overrides'] = new Map();
        for (const { count, picks } of changes) {
          const { indexes } = serviceOf(applyOverrides(plan, overrides));
          const remove = [
            ...new Set(
              picks.flatMap((pick) => (indexes.length === 0 ? [] : [indexes[pick % indexes.length]])),
            ),
          ];
          const named = remove.map((index) => `web-${index ?? 0}`);
          const after = count?.machines ?? indexes.length - remove.length;
          if (after < indexes.length && after > indexes.length - remove.length) continue;
          overrides = scaledOverrides(plan, overrides, [{ service: 'web', count, remove: named }]);
          const service = serviceOf(applyOverrides(plan, overrides));
          expect(service.indexes).toHaveLength(after);
          expect(service.count.max).toBe(after);
          for (const index of remove) expect(service.indexes).not.toContain(index);
          expect(firstIndexes(after, gapsIn(service.indexes))).toEqual(service.indexes);
        }
      }),
    );
  });
});

function serviceOf(plan: Plan) {
  const service = servicesOf(plan)[0];
  if (service === undefined) throw new Error('There is no service');
  return service;
}

function planOf(): Plan {
  const web = { name: 'web', provider: 'local', count: { min: 3, max: 3 }, indexes: [0, 1, 2] };
  const service = { ...web, planned: null, colocate: null };
  return {
    providers: {},
    levels: [{ name: 'app', index: 0, services: [service] }],
  } as unknown as Plan;
}
