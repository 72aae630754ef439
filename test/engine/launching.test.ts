import { describe, expect, it } from 'vitest';
import { createHarness, summary } from '../support/harness.ts';

const ONE_LEVEL = `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: 5 }
`;

describe('launching', () => {
  it('asks once for all machines of a service', async () => {
    await using harness = await createHarness({ bootTime: 30_000 });
    const { outcome } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.launch).toBe(1);
  });

  it('keeps to the provider’s batch limit', async () => {
    await using harness = await createHarness({ batchLimit: 2 });
    await harness.up(await harness.plan(ONE_LEVEL));
    expect(harness.cloud.calls.launch).toBe(3);
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1', 'web-2', 'web-3', 'web-4']);
  });

  it('launches one by one where labels differ between the machines', async () => {
    await using harness = await createHarness();
    await harness.up(
      await harness.plan(ONE_LEVEL.replace('count: 5', 'count: 2, labels: { nth: "{{self.index}}" }')),
    );
    expect(harness.cloud.calls.launch).toBe(2);
    expect(harness.cloud.instances.map(({ request }) => request.labels)).toEqual([
      { nth: '0' },
      { nth: '1' },
    ]);
  });

  it('tries a refused launch again while the provider says that it is worth it', async () => {
    await using harness = await createHarness();
    harness.cloud.refuse(2, 5_000);
    const started = harness.clock.now();
    const { outcome, state } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(harness.clock.now() - started).toBeGreaterThanOrEqual(10_000);
    expect(state.machines.get('web-0')?.attempts.launch).toBe(3);
  });

  it('gives a refused launch up after `attempts.launch` tries', async () => {
    await using harness = await createHarness();
    harness.cloud.refuse(9, 100);
    const { outcome, state } = await harness.up(
      await harness.plan(ONE_LEVEL.replace('count: 5', 'count: 1')),
    );
    expect(outcome).toBe('failed');
    expect(harness.cloud.calls.launch).toBe(3);
    expect(summary(state)).toBe('web-0 failed (launch: Cannot launch: the fake cloud is full)');
  });

  it('takes a short fill where `min` is met, and says why the rest is missing', async () => {
    await using harness = await createHarness();
    harness.cloud.capacity = 3;
    const { outcome, state } = await harness.up(
      await harness.plan(ONE_LEVEL.replace('count: 5', 'count: { min: 2, max: 5 }')),
    );
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe(
      [
        'web-0 ready',
        'web-1 ready',
        'web-2 ready',
        'web-3 failed (launch: Cannot launch: the fake cloud has room for 3)',
        'web-4 failed (launch: Cannot launch: the fake cloud has room for 3)',
      ].join('\n'),
    );
  });

  it('launches nothing where `min` cannot be met', async () => {
    await using harness = await createHarness();
    harness.cloud.capacity = 3;
    const { outcome } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('failed');
    expect(harness.cloud.instances).toEqual([]);
  });

  it('replaces a machine that never becomes reachable, under its name', async () => {
    await using harness = await createHarness();
    harness.machines.unreachable.add('i-2');
    const text = ONE_LEVEL.replace('count: 5', 'count: 3, timeouts: { connect: 30s }');
    const { outcome, state } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-2', 'web-1']);
    expect(state.machines.get('web-1')).toMatchObject({ id: 'i-4', generation: 2, attempts: { launch: 2 } });
    expect(state.instances.size).toBe(3);
  });

  it('gives a machine up that is not reachable after all tries, and keeps the last one', async () => {
    await using harness = await createHarness();
    for (const id of ['i-1', 'i-2', 'i-3']) harness.machines.unreachable.add(id);
    const text = ONE_LEVEL.replace('count: 5', 'count: 1, timeouts: { connect: 30s }');
    const plan = await harness.plan(text);
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe(
      'web-0 failed (connect: Cannot reach the machine within 30s: connect ECONNREFUSED i-3)',
    );
    expect(harness.cloud.instances.map(({ endedAt }) => endedAt === null)).toEqual([false, false, true]);
    expect((await harness.down(plan)).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('repeats a call whose answer did not arrive, under its token', async () => {
    await using harness = await createHarness();
    const launch = harness.cloud.launch.bind(harness.cloud);
    let lost = 0;
    harness.cloud.launch = async (batch, cancel) => {
      const answer = await launch(batch, cancel);
      lost += 1;
      if (lost > 1) return answer;
      const { ProviderError } = await import('../../src/providers/provider.ts');
      throw new ProviderError('the answer did not arrive', { retryAfter: 100 });
    };
    const { outcome } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.instances).toHaveLength(5);
  });

  it('asks again for what a short fill lacks, and tells the reason that the next call gives', async () => {
    await using harness = await createHarness();
    harness.cloud.capacity = 3;
    harness.cloud.again = { retryAfter: 0 };
    const text = ONE_LEVEL.replace('count: 5', 'count: { min: 2, max: 5 }');
    const { outcome, state } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.launch).toBe(2);
    expect(state.machines.get('web-4')?.failure?.message).toBe(
      'Cannot launch: the fake cloud has room for 0',
    );
  });

  it('counts no try where the next one asks for something else', async () => {
    await using harness = await createHarness();
    harness.cloud.refuse(5, 0, { elsewhere: true });
    const { outcome, state } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.launch).toBe(6);
    expect(state.machines.get('web-0')).toMatchObject({ attempts: { launch: 6 }, tries: { launch: 1 } });
  });

  it('waits for as long as a refusal that is no try says', async () => {
    await using harness = await createHarness();
    harness.cloud.refuse(20, 2_000, { elsewhere: true });
    const started = harness.clock.now();
    const { outcome, state } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.launch).toBe(21);
    expect(harness.clock.now() - started).toBeGreaterThanOrEqual(40_000);
    expect(state.machines.get('web-0')).toMatchObject({ tries: { launch: 1 } });
  });

  it('launches nothing that the provider cannot complete, and records no batch', async () => {
    await using harness = await createHarness();
    harness.cloud.refuseRequests = 'there is no such image';
    const { outcome, state } = await harness.up(
      await harness.plan(ONE_LEVEL.replace('count: 5', 'count: 1')),
    );
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe('web-0 failed (launch: Cannot launch: there is no such image)');
    expect([harness.cloud.calls.launch, state.lastBatch]).toEqual([0, 0]);
  });

  it('starts a machine that was stopped before it was reached', async () => {
    await using harness = await createHarness({ bootTime: 1_000 });
    const plan = await harness.plan(ONE_LEVEL);
    await harness.process('up', plan, { nth: 1, of: 'cloud describe', moment: 'after' });
    await harness.clock.sleep(2_000, { signal: new AbortController().signal });
    await harness.cloud.stop(['i-2', 'i-3'], { signal: new AbortController().signal });
    const { outcome } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.start).toBe(1);
    expect(harness.cloud.instances).toHaveLength(5);
  });

  it('replaces a machine that goes while it is connected to, without waiting for the limit', async () => {
    await using harness = await createHarness();
    harness.machines.unreachable.add('i-2');
    harness.cloud.fault = (call) => {
      if (call === 'launch') harness.clock.after(20_000, () => harness.cloud.end('i-2'));
      return null;
    };
    const started = harness.clock.now();
    const { outcome, state } = await harness.up(await harness.plan(ONE_LEVEL));
    expect(outcome).toBe('succeeded');
    expect(state.machines.get('web-1')?.id).toBe('i-6');
    expect(harness.clock.now() - started).toBeLessThan(60_000);
  });

  it('launches no machine beyond the minimum before that is there, and none when it cannot be had', async () => {
    const text = ONE_LEVEL.replace('count: 5', 'count: { min: 4, max: 5 }');
    await using short = await createHarness({ batchLimit: 2 });
    short.cloud.capacity = 3;
    const { outcome, state } = await short.up(await short.plan(text));
    expect(outcome).toBe('failed');
    expect(short.cloud.alive()).toEqual(['web-0', 'web-1']);
    expect(state.machines.get('web-4')?.failure?.message).toBe(
      'Cannot launch: service "web" needs 4 machines, and too many of them were refused',
    );
    short.cloud.capacity = 4;
    expect((await short.up(await short.plan(text))).outcome).toBe('succeeded');
    expect(short.cloud.alive()).toHaveLength(4);

    await using wide = await createHarness({ batchLimit: 2 });
    expect((await wide.up(await wide.plan(text))).outcome).toBe('succeeded');
    expect([wide.cloud.calls.launch, wide.cloud.alive().length]).toEqual([3, 5]);
  });
});
