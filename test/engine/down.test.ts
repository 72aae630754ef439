import { describe, expect, it } from 'vitest';
import { createHarness, ran, summary } from '../support/harness.ts';

const STACK = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { bootstrap: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web: { count: 3, bootstrap: { run: "true" }, teardown: { run: "true" } }
      cache: {}
`;

describe('down()', () => {
  it('tears levels down in reverse order, all scripts of a level before its first end', async () => {
    await using harness = await createHarness({ endTime: 1_000, behave: () => ({ takes: 100 }) });
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.down(plan);
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual([
      'web-0 teardown',
      'web-1 teardown',
      'web-2 teardown',
      'db-0 teardown',
    ]);
    const [web, , , db] = harness.machines.executions.slice(before);
    const webEnded = harness.cloud.instances
      .filter(({ name }) => name.startsWith('web'))
      .map(({ endedAt }) => endedAt ?? 0);
    expect(Math.min(...webEnded)).toBeGreaterThanOrEqual(web?.to ?? Infinity);
    expect(db?.from).toBeGreaterThanOrEqual(Math.max(...webEnded) + 1_000);
    expect(summary(state)).toBe(
      'db-0 terminated\nweb-0 terminated\nweb-1 terminated\nweb-2 terminated\ncache-0 terminated',
    );
    expect(state.instances.size).toBe(0);
    expect(harness.cloud.calls.release).toBe(1);
  });

  it('goes on when a teardown script fails, and says so', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-1' && step === 'teardown' ? 4 : 0 }),
    });
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    const { outcome, state } = await harness.down(plan);
    expect(outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual([]);
    expect(state.machines.get('web-1')?.failure).toMatchObject({ step: 'teardown', exitCode: 4 });
  });

  it('goes on when a machine cannot be terminated, and ends it the next time', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    harness.cloud.undying.add('web-1');
    const first = await harness.down(plan);
    expect(first.outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual(['web-1']);
    expect(first.state.machines.get('web-1')?.failure?.message).toBe(
      'Cannot terminate instance "i-3": termination protection is on',
    );
    harness.cloud.undying.clear();
    const second = await harness.down(plan);
    expect(second.outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('ends when the provider cannot be asked, and completes the next time', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    harness.cloud.break('terminate');
    const first = await harness.down(plan);
    expect(first.outcome).toBe('failed');
    expect(summary(first.state)).toContain(
      'db-0 failed (terminate: Cannot terminate instance "i-1": the fake cloud does not answer "terminate")',
    );
    harness.cloud.mend('terminate');
    expect((await harness.down(plan)).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('runs no teardown on machines whose bootstrap never began', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: step === 'bootstrap' ? 1 : 0 }),
    });
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    const before = harness.machines.executions.length;
    const { state } = await harness.down(plan);
    expect(ran(harness.machines).slice(before)).toEqual(['db-0 teardown']);
    expect(summary(state)).toContain('web-0 terminated');
  });

  it('skips teardown scripts when told to', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    const before = harness.machines.executions.length;
    const { outcome } = await harness.down(plan, { skipTeardown: true });
    expect(outcome).toBe('succeeded');
    expect(harness.machines.executions.length).toBe(before);
  });

  it('finds a machine whose launching answer was never recorded', async () => {
    await using harness = await createHarness({ consistencyDelay: 1_000 });
    const launch = harness.cloud.launch.bind(harness.cloud);
    const { ProviderError } = await import('../../src/providers/provider.ts');
    harness.cloud.launch = async (batch, cancel) => {
      await launch(batch, cancel);
      throw new ProviderError('the answer did not arrive');
    };
    const plan = await harness.plan(STACK);
    expect((await harness.up(plan)).outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual(['db-0']);
    const { outcome, state } = await harness.down(plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual([]);
    expect(state.batches.size).toBe(0);
  });

  it('can be repeated without effect, and the name can come up again', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(STACK);
    await harness.up(plan);
    await harness.down(plan);
    const calls = { ...harness.cloud.calls };
    const again = await harness.down(plan);
    expect({ outcome: again.outcome, worked: again.worked }).toEqual({ outcome: 'succeeded', worked: false });
    expect(harness.cloud.calls).toEqual(calls);
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(state.machines.get('web-0')).toMatchObject({ generation: 2, stage: 'ready' });
  });

  it('removes what it put on machines that stay, before it gives them back, and keeps those that it cannot reach', async () => {
    await using harness = await createHarness();
    harness.cloud.keepsMachines = true;
    const plan = await harness.plan(
      'version: 1\nname: stack\nlevels: [{ name: one, services: { web: { count: 3, timeouts: { terminate: 20s } } } }]',
    );
    await harness.up(plan);
    harness.machines.unreachable.add('i-2');
    const down = await harness.down(plan);
    expect(down.outcome).toBe('failed');
    expect(harness.machines.cleared).toEqual(['web-0', 'web-2']);
    expect(harness.cloud.alive()).toEqual(['web-1']);
    expect(down.state.machines.get('web-1')?.failure?.message).toBe(
      'Cannot terminate instance "i-2": what was put on it cannot be removed: connect ECONNREFUSED i-2',
    );
    harness.machines.unreachable.clear();
    expect((await harness.down(plan)).outcome).toBe('succeeded');
    expect(harness.machines.cleared).toEqual(['web-0', 'web-2', 'web-1']);
    expect(harness.cloud.alive()).toEqual([]);
  });
});
