import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/engine/inspect.ts';
import { createHarness } from '../support/harness.ts';

const STACK = `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: 5, bootstrap: { run: "true" }, verify: { run: "true", interval: 1s } }
`;

const LESS = `
version: 1
name: stack
levels: [{ name: app, services: { other: {} } }]
`;

const nothing = (): Promise<null> => Promise.resolve(null);

describe('inspect()', () => {
  it('tells what is true now of every machine, in one limit for all, and changes nothing', async () => {
    let isBroken = false;
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: isBroken && machine === 'web-3' && step === 'verify' ? 1 : 0 }),
    });
    const plan = await harness.plan(STACK);
    const { state } = await harness.up(plan);
    isBroken = true;
    harness.cloud.end('i-1');
    harness.machines.unreachable.add('i-2').add('i-3');
    const before = { facts: harness.events.length, instances: harness.cloud.instances.length };
    const started = harness.clock.now();
    const { signal } = new AbortController();
    const findings = await inspect(
      harness.wiring,
      { plan, state, limit: 10_000, readPlan: nothing },
      { signal },
    );
    expect(findings.map(({ machine, failure }) => `${machine}: ${failure?.message ?? 'fine'}`)).toEqual([
      'web-0: The machine is "terminated" at the provider',
      'web-1: Cannot reach the machine: connect ECONNREFUSED i-2',
      'web-2: Cannot reach the machine: connect ECONNREFUSED i-3',
      'web-3: Its checks did not pass in time',
      'web-4: fine',
    ]);
    expect(harness.clock.now() - started).toBeLessThan(11_000);
    expect(harness.events.length).toBe(before.facts);
    expect(harness.cloud.instances.length).toBe(before.instances);
    expect((await harness.store.load('stack'))?.machines.get('web-0')?.stage).toBe('ready');
  });

  it('does not ask who has the old address of a machine that was stopped and started', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK.replace('count: 5', 'count: 2'));
    const { state } = await harness.up(plan);
    const before = harness.machines.executions.length;
    const look = harness.cloud.describe.bind(harness.cloud);
    harness.cloud.describe = async (ids, cancel) =>
      new Map(
        [...(await look(ids, cancel))].map(([id, one]) => [
          id,
          one.addresses === null || id !== 'i-1'
            ? one
            : { ...one, addresses: { ...one.addresses, address: '203.0.113.9', privateIp: '203.0.113.9' } },
        ]),
      );
    const { signal } = new AbortController();
    const request = { plan, state, limit: 10_000, readPlan: nothing };
    const [first, second] = await inspect(harness.wiring, request, { signal });
    expect(first?.failure?.message).toMatch(
      /^The machine is at "203\.0\.113\.9" now and was at ".+": repair takes the new address$/,
    );
    expect(second?.failure).toBeNull();
    expect(harness.machines.executions.slice(before).map(({ machine }) => machine)).toEqual(['web-1']);
  });

  it('looks for what was ended while others stay, and not for what nobody asks for any more', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(STACK));
    const plan = await harness.plan(STACK.replace('count: 5', 'count: 3'));
    const { state } = await harness.up(plan);
    harness.cloud.end('i-1');
    const first = state.machines.get('web-0');
    if (first !== undefined) state.machines.set('web-0', { ...first, stage: 'gone' });
    const { signal } = new AbortController();
    const request = { plan, state, limit: 10_000, readPlan: nothing };
    const findings = await inspect(harness.wiring, request, { signal });
    expect(findings.map(({ machine, failure }) => [machine, failure?.reason ?? null])).toEqual([
      ['web-0', 'lost'],
      ['web-1', null],
      ['web-2', null],
    ]);
    for (const machine of state.machines.values())
      state.machines.set(machine.name, { ...machine, stage: 'gone' });
    expect(await inspect(harness.wiring, request, { signal })).toEqual([]);
  });

  it('says so of every machine when the provider cannot be asked', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    const { state } = await harness.up(plan);
    harness.cloud.break('describe');
    const { signal } = new AbortController();
    const findings = await inspect(
      harness.wiring,
      { plan, state, limit: 10_000, readPlan: nothing },
      { signal },
    );
    expect(new Set(findings.map(({ failure }) => failure?.message))).toEqual(
      new Set(['Cannot ask the provider: the fake cloud does not answer "describe"']),
    );
  });

  it('verifies what the plan has no service for by the plan that it came from, while that is kept', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    const { state } = await harness.up(plan);
    const less = await harness.plan(LESS);
    const { signal } = new AbortController();
    for (const machine of state.machines.values())
      state.machines.set(machine.name, { ...machine, wanted: false });
    const before = harness.machines.executions.length;
    for (const [kept, verified] of [
      [plan, 5],
      [null, 5],
    ] as const) {
      const request = { plan: less, state, limit: 10_000, readPlan: () => Promise.resolve(kept) };
      const findings = await inspect(harness.wiring, request, { signal });
      expect(findings.map(({ failure }) => failure)).toEqual([null, null, null, null, null]);
      expect(harness.machines.executions.length - before).toBe(verified);
    }
  });
});
