import { describe, expect, it } from 'vitest';
import { createHarness, ran, summary } from '../support/harness.ts';

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

describe('an up after a down that was killed', () => {
  it('replaces what the down had begun to end, and keeps what it had not', async () => {
    await using harness = await createHarness({ endTime: 1_000 });
    const text = WEB.replace('    services:', '    services:\n      db: {}').replace(
      'levels:\n',
      'levels:\n  - name: base\n    services:\n      disk: {}\n',
    );
    const plan = await harness.plan(text);
    await harness.up(plan);
    await harness.process('down', plan, { nth: 1, of: 'cloud terminate', moment: 'before' });
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe('disk-0 ready\ndb-0 ready\nweb-0 ready\nweb-1 ready');
    expect([...state.machines.values()].map(({ generation }) => generation)).toEqual([1, 2, 2, 2]);
    expect([...state.instances.keys()].sort()).toEqual([...harness.cloud.aliveIds()].sort());
  });
});
