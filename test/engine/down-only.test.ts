import { describe, expect, it } from 'vitest';
import { departures } from '../../src/engine/departures.ts';
import { statusDocument } from '../../src/state/status.ts';
import { createHarness, ran, summary } from '../support/harness.ts';

const PLAN = `
version: 1
name: stack
levels:
  - name: data
    services:
      db: { count: 2, bootstrap: { run: "true" }, teardown: { run: "true" } }
  - name: app
    services:
      web: { count: 3, bootstrap: { run: "true" }, teardown: { run: "true" } }
      agent: { colocate: db, bootstrap: { run: "true" }, teardown: { run: "true" } }
`;
const PATHS = { plan: (path: string) => path, log: (path: string) => path };

describe('down() of some machines', () => {
  it('tears these down, with what shares them, levels in reverse order, and leaves the others', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    const before = ran(harness.machines).length;
    const { outcome, worked, state } = await harness.down(plan, { only: ['db-1', 'web-0'] });
    expect({ outcome, worked }).toEqual({ outcome: 'succeeded', worked: true });
    expect(ran(harness.machines).slice(before)).toEqual([
      'agent-1 teardown',
      'web-0 teardown',
      'db-1 teardown',
    ]);
    expect(harness.cloud.alive()).toEqual(['db-0', 'web-1', 'web-2']);
    expect(summary(state)).toContain('web-0 terminated');
    expect(summary(state)).toContain('web-1 ready');
    expect(state.scopes.size).toBe(1);
    const status = statusDocument(state, PATHS);
    expect(status.state).toBe('degraded');
    expect(status.levels.map((level) => level.state)).toEqual(['degraded', 'degraded']);
  });

  it('leaves what is known of the others, failures too, and does not call the deployment on its way down', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-1' && step === 'bootstrap' ? 3 : 0 }),
    });
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    const { state } = await harness.down(plan, { only: ['web-0'] });
    expect(summary(state)).toContain('web-1 failed');
    expect(summary(state)).toContain('web-0 terminated');
    expect(statusDocument(state, PATHS).state).toBe('failed');
  });

  it('does nothing for machines that are gone, and calls nobody', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    await harness.down(plan, { only: ['web-0'] });
    const calls = { ...harness.cloud.calls };
    const { outcome, worked } = await harness.down(plan, { only: ['web-0'] });
    expect({ outcome, worked }).toEqual({ outcome: 'succeeded', worked: false });
    expect(harness.cloud.calls).toEqual(calls);
  });

  it('is made good by the next up', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    await harness.down(plan, { only: ['web-1', 'web-2', 'web-0'] });
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toHaveLength(5);
    expect(statusDocument(state, PATHS).state).toBe('ready');
  });

  it('is made good by repair', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    await harness.down(plan, { only: ['db-0'] });
    const kept = await harness.recorded('stack');
    expect((await harness.repair(kept ?? plan)).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toHaveLength(5);
  });

  it('ends the deployment when nothing else is left', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    await harness.down(plan, { only: ['web-0', 'web-1', 'web-2'] });
    const { state } = await harness.down(plan, { only: ['db-0', 'db-1'] });
    expect(state.scopes.size).toBe(0);
    expect(statusDocument(state, PATHS).state).toBe('terminated');
  });

  it('goes on with the others when one teardown fails, and fails', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({ exitCode: machine === 'web-0' && step === 'teardown' ? 1 : 0 }),
    });
    const plan = await harness.plan(PLAN);
    await harness.up(plan);
    const { outcome } = await harness.down(plan, { only: ['web-0', 'db-0'] });
    expect(outcome).toBe('failed');
    expect(harness.cloud.alive()).toEqual(['db-1', 'web-1', 'web-2']);
  });
});

describe('departures()', () => {
  it('names what a down would end, in the order in which it goes', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(PLAN);
    const { state } = await harness.up(plan);
    const all = departures(state, { plan });
    expect(all.staying).toBe(0);
    expect(all.levels.map(({ level, machines }) => [level, machines.map(({ machine }) => machine)])).toEqual([
      ['app', ['agent-0', 'agent-1']],
      ['app', ['web-0', 'web-1', 'web-2']],
      ['data', ['db-0', 'db-1']],
    ]);
    const some = departures(state, { plan, only: ['db-1'] });
    expect(some.staying).toBe(5);
    expect(
      some.levels.map(({ machines }) => machines.map(({ machine, teardown }) => [machine, teardown])),
    ).toEqual([[['agent-1', true]], [['db-1', true]]]);
    expect(departures(state, { plan: null, only: ['db-1'] }).levels[1]?.machines).toMatchObject([
      { service: 'db', state: 'ready', teardown: false },
    ]);
    await harness.down(plan);
    const after = await harness.store.load('stack');
    expect(after && departures(after, { plan })).toEqual({ levels: [], staying: 0 });
  });
});
