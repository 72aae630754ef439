import { describe, expect, it } from 'vitest';
import { createHarness, ran, summary } from '../support/harness.ts';

const FULL = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 3, bootstrap: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web: { count: 3, bootstrap: { run: "true" }, teardown: { run: "true" } }
      old: { bootstrap: { run: "true" }, teardown: { run: "true" }, env: { DB: "{{services.db.hostname}}" } }
`;
const LESS = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web: { count: 1, bootstrap: { run: "true" }, teardown: { run: "true" } }
      fresh: { bootstrap: { run: "true" } }
`;

describe('what the plan does not ask for any more', () => {
  it('goes after every level is verified, in reverse level order, with the teardown that its own plan had', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(FULL));
    const before = harness.machines.executions.length;
    const { outcome, state } = await harness.up(await harness.plan(LESS));
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).slice(before)).toEqual([
      'fresh-0 bootstrap',
      'web-1 teardown',
      'web-2 teardown',
      'old-0 teardown',
      'db-2 teardown',
    ]);
    const gone = harness.machines.executions.find(
      ({ machine, step }) => machine === 'old-0' && step === 'teardown',
    );
    expect(gone?.run.env['DB']).toBe('10.0.0.1');
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1', 'web-0', 'fresh-0']);
    expect(summary(state)).toContain('web-2 terminated');
    expect((await harness.up(await harness.plan(LESS))).worked).toBe(false);
  });

  it('stays while a level fails', async () => {
    await using harness = await createHarness({
      behave: (machine) => ({ exitCode: machine === 'fresh-0' ? 1 : 0 }),
    });
    await harness.up(await harness.plan(FULL));
    const { outcome } = await harness.up(await harness.plan(LESS));
    expect(outcome).toBe('failed');
    expect(harness.cloud.alive()).toContain('web-2');
  });

  it('is torn down by `down` too, with the teardown that its own plan had', async () => {
    let isBroken = true;
    await using harness = await createHarness({
      behave: (machine) => ({ exitCode: machine === 'fresh-0' && isBroken ? 1 : 0 }),
    });
    await harness.up(await harness.plan(FULL));
    const plan = await harness.plan(LESS);
    await harness.up(plan);
    isBroken = false;
    const { outcome } = await harness.down(plan);
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines)).toContain('old-0 teardown');
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('makes the operation fail when its teardown does, and is gone all the same', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-2' && step === 'teardown' ? 1 : 0 }),
    });
    await harness.up(await harness.plan(FULL));
    const { outcome } = await harness.up(await harness.plan(LESS));
    expect(outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual(['db-0', 'db-1', 'web-0', 'fresh-0']);
  });
});
