import { describe, expect, it } from 'vitest';
import { replaceMachines } from '../../src/engine/replace-machines.ts';
import type { HarnessOptions } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';
import { BATCH, SERIAL, ends, tend } from '../support/tending.ts';

const fleet = (count: number | string, more = ''): string => `
version: 1
name: stack
levels:
  - name: one
    services:
      web: { count: ${count}, verify: { run: "true" }${more} }
`;

const TIERS = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, verify: { run: "true" } }
  - name: app
    services:
      web: { count: 2, bootstrap: { run: "true" }, verify: { run: "true" } }
      agent: { colocate: db, verify: { run: "true" } }
`;

async function ready(text: string, options: HarnessOptions = {}) {
  const harness = await createHarness({ store: 'memory', ...options });
  const plan = await harness.plan(text);
  const { outcome, state } = await harness.up(plan);
  if (outcome !== 'succeeded') throw new Error(summary(state));
  return { harness, plan, cloud: harness.cloud };
}

const PACES = [
  ['all at once', BATCH],
  ['one by one', SERIAL],
] as const;

describe('replaceMachines() where there is no room beside the old machines', () => {
  it.each(PACES)('%s, waits until these are gone, and nothing is lost', async (_, pace) => {
    const { harness, plan, cloud } = await ready(fleet(3), { bootTime: 1_000, endTime: 20_000 });
    cloud.capacity = 3;
    const result = await tend(harness, 'replace', plan, { pace });
    expect(result.outcome).toBe('succeeded');
    expect(ends(result)).toEqual(['web-0 done ready', 'web-1 done ready', 'web-2 done ready']);
    expect([...cloud.alive()].sort()).toEqual(['web-0', 'web-1', 'web-2']);
    const refusals = harness.events.flatMap((event) =>
      event.type === 'fact' && event.fact.type === 'launch-refused' ? [event.fact.failed] : [],
    );
    expect(refusals[0]).toMatchObject({
      failure: { message: 'Cannot launch: the fake cloud has room for 0' },
      gaveUp: false,
    });
    expect(refusals.some(({ gaveUp }) => gaveUp)).toBe(false);
  });

  it('says so of the one for which there is none then either, begins on no other, and can go on', async () => {
    const { harness, plan, cloud } = await ready(fleet(3), { endTime: 20_000 });
    cloud.capacity = 2;
    const result = await tend(harness, 'replace', plan, { pace: SERIAL });
    expect(result.outcome).toBe('failed');
    expect(ends(result)).toEqual([
      'web-0 failed failed (launch: Cannot launch: the fake cloud has room for 0)',
      'web-1 not-reached ready',
      'web-2 not-reached ready',
    ]);
    expect([...cloud.alive()].sort()).toEqual(['web-1', 'web-2']);
    cloud.capacity = 3;
    expect(ends(await tend(harness, 'replace', plan, { pace: SERIAL }))).toEqual([
      'web-0 done ready',
      'web-1 done ready',
      'web-2 done ready',
    ]);
  });

  it('gives up when the old ones do not go', async () => {
    const { harness, plan, cloud } = await ready(fleet(2, ', timeouts: { terminate: 30s }'), {
      endTime: 500,
    });
    cloud.capacity = 2;
    cloud.undying.add('web-0');
    const result = await tend(harness, 'replace', plan, { pace: SERIAL });
    expect(result.outcome).toBe('failed');
    expect(ends(result)[1]).toBe('web-1 not-reached ready');
    expect(result.state.machines.get('web-0')).toMatchObject({ stage: 'none', gaveUp: true });
    expect([...cloud.alive()].sort()).toEqual(['web-0', 'web-1']);
  });

  it('holds for an up that replaces, too', async () => {
    const { harness, cloud } = await ready(fleet(2, ', image: a'), { endTime: 20_000 });
    cloud.capacity = 2;
    const { outcome } = await harness.up(await harness.plan(fleet(2, ', image: b')));
    expect(outcome).toBe('succeeded');
    expect(cloud.instances).toHaveLength(4);
  });
});

describe('replaceMachines()', () => {
  it('replaces a share of the machines that are selected at the same time', async () => {
    const { harness, plan } = await ready(fleet(9), { bootTime: 500 });
    harness.events.length = 0;
    const machines = Array.from({ length: 8 }, (_none, i) => `web-${i}`);
    const pace = { maxUnavailable: '25%', failFast: false } as const;
    expect((await tend(harness, 'replace', plan, { machines, pace })).outcome).toBe('succeeded');
    let [away, most] = [0, 0];
    for (const event of harness.events) {
      if (event.type !== 'fact') continue;
      if (event.fact.type === 'machine-revised') away += 1;
      if (event.fact.type === 'step-succeeded' && event.fact.step === 'verify') away -= 1;
      most = Math.max(most, away);
    }
    expect(most).toBe(2);
  });

  it('launches what was ended alone again, and goes on above it', async () => {
    const { harness, plan, cloud } = await ready(TIERS);
    await harness.down(plan, { only: ['db-1'] });
    const result = await tend(harness, 'replace', plan, { machines: ['web-0'] });
    expect(ends(result)).toEqual(['web-0 done ready']);
    expect(result.outcome).toBe('succeeded');
    expect([...cloud.alive()].sort()).toEqual(['db-0', 'db-1', 'web-0', 'web-1']);
  });

  it('bootstraps nothing that does not depend on what is replaced', async () => {
    const { harness, plan } = await ready(TIERS);
    const before = ran(harness.machines).length;
    await tend(harness, 'replace', plan, { machines: ['db-1'] });
    expect(
      ran(harness.machines)
        .slice(before)
        .filter((line) => line.startsWith('web')),
    ).toEqual([]);
  });

  it('refuses protected machines, and those that share a protected one’s, before it touches any', async () => {
    const { harness, plan, cloud } = await ready(
      TIERS.replace('colocate: db,', 'colocate: db, protect: true,'),
    );
    const calls = { ...cloud.calls };
    await expect(tend(harness, 'replace', plan, { machines: ['web-0', 'db-0'] })).rejects.toMatchObject({
      message: 'Cannot replace "agent-0": service "agent" is protected',
    });
    expect(cloud.calls).toEqual(calls);
    expect((await harness.store.load('stack'))?.operation?.kind).toBe('up');
    const request = { plan, readPlan: () => Promise.resolve(plan), machines: new Set(['db-0']), pace: BATCH };
    const { signal } = new AbortController();
    const forced = await replaceMachines(harness.wiring, { ...request, forceProtected: true }, { signal });
    expect(forced.outcome).toBe('succeeded');
  });

  it('checks and prepares once, however small its steps', async () => {
    const { harness, plan, cloud } = await ready(fleet(20));
    const before = { ...cloud.calls };
    await tend(harness, 'replace', plan, { pace: SERIAL });
    expect(cloud.calls.prepare - before.prepare).toBe(1);
    expect(cloud.calls.check - before.check).toBeLessThanOrEqual(1);
    expect(cloud.calls.launch - before.launch).toBe(20);
  });

  describe.each([
    ['all at once', BATCH],
    ['one of a service', { maxUnavailable: 1, failFast: false }],
    ['one by one', SERIAL],
  ] as const)('%s', (_, pace) => {
    async function broken(...names: readonly string[]) {
      const sick = new Set<string>();
      const space = await ready(
        fleet(4, ', attempts: { bootstrap: 1 }').replace('"true"', '"true", attempts: 1'),
        {
          behave: (machine, step) => ({ exitCode: step === 'verify' && sick.has(machine) ? 1 : 0 }),
        },
      );
      for (const name of names) sick.add(name);
      await tend(space.harness, 'reboot', space.plan, { machines: names });
      return { ...space, sick };
    }

    it('is not kept from it by another machine that was broken before', async () => {
      const { harness, plan, cloud } = await broken('web-0');
      const result = await tend(harness, 'replace', plan, { machines: ['web-1', 'web-2'], pace });
      expect(ends(result)).toEqual(['web-1 done ready', 'web-2 done ready']);
      expect(result.outcome).toBe('succeeded');
      expect(result.state.machines.get('web-0')).toMatchObject({ gaveUp: true, generation: 1 });
      expect(cloud.instances).toHaveLength(6);
    });

    it('begins with what is broken, and on nothing else when that stays so', async () => {
      const { harness, plan, cloud } = await broken('web-2');
      const result = await tend(harness, 'replace', plan, { pace });
      expect(result.outcome).toBe('failed');
      expect(ends(result)[2]).toMatch(/^web-2 failed failed \(verify: /);
      if (pace === BATCH) return;
      expect(ends(result).filter((line) => line.includes('not-reached ready'))).toHaveLength(3);
      expect(cloud.instances).toHaveLength(5);
    });

    it('replaces all that are broken', async () => {
      const { harness, plan, sick, cloud } = await broken('web-1', 'web-3');
      sick.clear();
      const result = await tend(harness, 'replace', plan, { machines: ['web-1', 'web-3'], pace });
      expect(ends(result)).toEqual(['web-1 done ready', 'web-3 done ready']);
      expect([...cloud.alive()].sort()).toEqual(['web-0', 'web-1', 'web-2', 'web-3']);
    });
  });
});
