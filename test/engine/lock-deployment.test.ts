import { describe, expect, it } from 'vitest';
import { lockDeployment } from '../../src/engine/lock-deployment.ts';
import { repair } from '../../src/engine/repair.ts';
import { createHarness } from '../support/harness.ts';

const signal = new AbortController().signal;

function text(count: number): string {
  return `
version: 1
name: stack
levels: [{ name: only, services: { web: { count: ${count}, bootstrap: { run: "true" } } } }]
`;
}

describe('lockDeployment()', () => {
  it('keeps work that was prepared from taking a deployment back to a plan that it had then', async () => {
    await using harness = await createHarness();
    const { wiring, store } = harness;
    const plan = await harness.plan(text(1));
    await harness.up(plan);
    const basis = (await store.load('stack'))?.plan ?? null;
    const request = { plan, basis, readPlan: () => Promise.resolve(null) };
    expect((await repair(wiring, request, { signal })).outcome).toBe('succeeded');
    await harness.up(await harness.plan(text(2)));
    await expect(repair(wiring, request, { signal })).rejects.toMatchObject({
      exitCode: 2,
      message: 'Cannot repair "stack": it was brought to another plan, or other inputs, in the meantime',
    });
    expect(harness.cloud.alive()).toHaveLength(2);
  });

  it('gives the lock back when it rejects', async () => {
    await using harness = await createHarness();
    const { wiring } = harness;
    const locking = () => lockDeployment(wiring, 'none', 'repair', { signal });
    await expect(locking()).rejects.toThrow('There is no deployment "none"');
    await expect(locking()).rejects.toThrow('There is no deployment "none"');
  });
});
