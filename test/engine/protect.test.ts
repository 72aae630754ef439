import { describe, expect, it } from 'vitest';
import type { ScaleChange } from '../../src/engine/operation.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness } from '../support/harness.ts';

function text({ image = 'one', count = 2, protect = 'true', name = 'db' } = {}): string {
  return `
version: 1
name: stack
levels:
  - name: data
    services:
      ${name}: { count: ${count}, image: ${image}, protect: ${protect}, bootstrap: { run: "true" } }
  - name: app
    services:
      web: { image: ${image}, bootstrap: { run: "true" } }
      agent: { colocate: ${name}, bootstrap: { run: "true" } }
`;
}

const fewer: ScaleChange = { service: 'db', count: { kind: 'by', machines: -1 }, remove: [] };

async function upOf(harness: Harness, options?: Parameters<typeof text>[0]) {
  return harness.up(await harness.plan(text(options)));
}

describe('a protected service', () => {
  it('is not taken down, unless that is asked for expressly', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    await expect(harness.down(plan)).rejects.toThrow(
      'Cannot terminate "db-0", "db-1": service "db" is protected',
    );
    expect((await harness.store.load('stack'))?.operation?.kind).toBe('up');
    await expect(harness.down(plan, { only: ['db-1', 'web-0'] })).rejects.toThrow('"db-1": service "db"');
    expect((await harness.down(plan, { only: ['web-0', 'agent-0'] })).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1']);
    expect((await harness.down(plan, { forceProtected: true })).outcome).toBe('succeeded');
    expect((await harness.down(plan)).outcome).toBe('succeeded');
  });

  it('is neither replaced nor made smaller by up', async () => {
    await using harness = await createHarness();
    await upOf(harness);
    const digest = (await harness.store.load('stack'))?.plan?.digest;
    await expect(upOf(harness, { image: 'two' })).rejects.toThrow('Cannot replace "db-0", "db-1"');
    await expect(upOf(harness, { count: 1 })).rejects.toThrow('Cannot terminate "db-1"');
    await expect(upOf(harness, { name: 'store' })).rejects.toThrow('Cannot terminate "db-0", "db-1"');
    expect((await harness.store.load('stack'))?.plan?.digest).toBe(digest);
    expect((await upOf(harness, { count: 3 })).outcome).toBe('succeeded');
    const plan = await harness.plan(text({ image: 'two', count: 3 }));
    expect((await harness.up(plan, undefined, true)).outcome).toBe('succeeded');
  });

  it('is not protected any more once the plan says so', async () => {
    await using harness = await createHarness();
    await upOf(harness);
    expect((await upOf(harness, { image: 'two', protect: 'false' })).outcome).toBe('succeeded');
    expect((await harness.down(await harness.plan(text({ protect: 'false' })))).outcome).toBe('succeeded');
  });

  it('is not scaled down, unless that is asked for expressly', async () => {
    await using harness = await createHarness();
    const { state } = await upOf(harness);
    const kept = (await harness.recorded('stack')) ?? (await harness.plan(text()));
    await expect(harness.scale(kept, fewer)).rejects.toThrow('Cannot terminate "db-1"');
    expect((await harness.store.load('stack'))?.overrides.size).toBe(0);
    expect(state.operation?.id).toBe(1);
    expect((await harness.scale(kept, { ...fewer, count: { kind: 'by', machines: 1 } })).outcome).toBe(
      'succeeded',
    );
  });

  it('is bootstrapped again and rebooted by repair, and never replaced', async () => {
    let isBroken = false;
    await using harness = await createHarness({
      behave: (machine) => ({ exitCode: isBroken && machine === 'db-0' ? 1 : 0 }),
    });
    await harness.up(
      await harness.plan(
        text().replace('protect: true', 'protect: true, verify: { run: "true", timeout: 1s, interval: 1s }'),
      ),
    );
    isBroken = true;
    const before = harness.cloud.alive();
    const { outcome, state } = await harness.repair((await harness.recorded('stack')) ?? never());
    expect(outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual(before);
    expect(state.machines.get('db-0')?.generation).toBe(1);
  });
});

function never(): never {
  throw new Error('There is no plan');
}
