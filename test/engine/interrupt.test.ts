import { describe, expect, it } from 'vitest';
import { createHarness } from '../support/harness.ts';

const PLAN = `
version: 1
name: stack
levels:
  - { name: app, services: { web: { count: 2, bootstrap: { run: "true" } } } }
`;

describe('an interrupted up', () => {
  it.each([
    [3_000, 0, 2],
    [9_000, 1, 0],
  ])(
    'waits 4 s for the answer of a call: after %i ms it leaves %i open batches and %i instances recorded',
    async (takes, batches, instances) => {
      await using harness = await createHarness();
      const launch = harness.cloud.launch.bind(harness.cloud);
      const stop = new AbortController();
      harness.cloud.launch = async (batch, cancel) => {
        const answer = await launch(batch, cancel);
        stop.abort(new Error('interrupted'));
        await harness.clock.sleep(takes, cancel);
        return answer;
      };
      const plan = await harness.plan(PLAN);
      const began = harness.clock.now();
      const { outcome, state } = await harness.up(plan, stop.signal);
      expect(outcome).toBe('interrupted');
      expect(harness.clock.now() - began).toBeLessThan(5_000);
      expect([state.batches.size, state.instances.size]).toEqual([batches, instances]);

      harness.cloud.launch = launch;
      expect((await harness.up(plan)).outcome).toBe('succeeded');
      expect(harness.cloud.instances).toHaveLength(2);
    },
  );
});
