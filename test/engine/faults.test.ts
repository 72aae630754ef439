import { describe, expect, it } from 'vitest';
import { createHarness, ran } from '../support/harness.ts';

const WEB = `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: 2, bootstrap: { run: "true" }, teardown: { run: "true" } }
`;
const TWO_HOURS = 7_200_000;
const forever = { signal: new AbortController().signal };

describe('a script that ran on after plan was killed', () => {
  it('counts when it ended, however long ago its time was over', async () => {
    await using harness = await createHarness({ connectTakes: 20, behave: () => ({ takes: 1_000 }) });
    const plan = await harness.plan(WEB);
    await harness.process('up', plan, { nth: 2, of: 'script', moment: 'after' });
    await harness.clock.sleep(TWO_HOURS, forever);
    const { outcome } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines)).toEqual(['web-0 bootstrap', 'web-1 bootstrap']);
  });
});
