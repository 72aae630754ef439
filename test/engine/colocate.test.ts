import { describe, expect, it } from 'vitest';
import { forecast } from '../../src/engine/forecast.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, summary } from '../support/harness.ts';

const stack = (db: string, app: string): string => `
version: 1
name: stack
levels:
  - name: data
    services:
      db: ${db}
      agent: ${app}
`;
const HOST = '{ count: 2, bootstrap: { run: "true" }, teardown: { run: "true" } }';
const GUEST = '{ colocate: db, bootstrap: { run: "true" }, teardown: { run: "true" } }';

/** Scripts in the order in which they ran: `db-0 bootstrap`. */
function ran({ machines }: Harness): readonly string[] {
  return machines.executions.map(({ machine, step }) => `${machine} ${step}`);
}

describe('colocated services', () => {
  it('launch nothing, and begin on each machine when that is ready', async () => {
    await using harness = await createHarness();
    const { outcome, state } = await harness.up(await harness.plan(stack(HOST, GUEST)));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.instances).toHaveLength(2);
    expect(summary(state)).toBe('db-0 ready\ndb-1 ready\nagent-0 ready\nagent-1 ready');
    const [first] = ran(harness);
    expect(first).toMatch(/^db-/);
    for (const index of [0, 1]) {
      const order = ran(harness).filter(
        (one) => one.startsWith(`db-${index} `) || one.startsWith(`agent-${index} `),
      );
      expect(order).toEqual([`db-${index} bootstrap`, `agent-${index} bootstrap`]);
    }
    expect(state.machines.get('agent-1')?.addresses).toEqual(state.machines.get('db-1')?.addresses);
    expect((await harness.up(await harness.plan(stack(HOST, GUEST)))).worked).toBe(false);
  });

  it('go before the machines that they share, each removed from its machine', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(stack(HOST, GUEST));
    await harness.up(plan);
    expect((await harness.down(plan)).outcome).toBe('succeeded');
    const torn = ran(harness).filter((one) => one.endsWith('teardown'));
    expect(torn.slice(0, 2).sort()).toEqual(['agent-0 teardown', 'agent-1 teardown']);
    expect(torn.slice(2).sort()).toEqual(['db-0 teardown', 'db-1 teardown']);
    expect([...harness.machines.cleared].sort()).toEqual(['agent-0', 'agent-1']);
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('share machines in turn where they are more than those', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(stack(HOST, GUEST.replace('{', '{ count: 5,')));
    const { state } = await harness.up(plan);
    const hostnames = [0, 1, 2, 3, 4].map(
      (index) => state.machines.get(`agent-${index}`)?.addresses?.hostname,
    );
    const [zero, one] = [0, 1].map((index) => state.machines.get(`db-${index}`)?.addresses?.hostname);
    expect(hostnames).toEqual([zero, one, zero, one, zero]);
  });

  it('are bootstrapped again when their machine is replaced, and only then', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(stack(HOST, GUEST)));
    const before = ran(harness).length;
    harness.cloud.end('i-1');
    const plan = await harness.plan(stack(HOST, GUEST));
    expect((await harness.repair(plan)).outcome).toBe('succeeded');
    const again = ran(harness).slice(before);
    expect(again.filter((one) => one.endsWith('bootstrap'))).toEqual(['db-0 bootstrap', 'agent-0 bootstrap']);
    expect(harness.cloud.alive()).toEqual(['db-1', 'db-0']);

    const changed = await harness.plan(stack(HOST.replace('{', '{ image: two,'), GUEST));
    const { outcome, state } = await harness.up(changed);
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe('db-0 ready\ndb-1 ready\nagent-0 ready\nagent-1 ready');
    const told = ran(harness)
      .slice(before + again.length)
      .filter((one) => one.endsWith('bootstrap'));
    expect([...told].sort()).toEqual([
      'agent-0 bootstrap',
      'agent-1 bootstrap',
      'db-0 bootstrap',
      'db-1 bootstrap',
    ]);
  });

  it('give up where the machine that they share was given up, and the others go on', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => (machine === 'db-0' && step === 'bootstrap' ? { exitCode: 1 } : {}),
    });
    const { outcome, state } = await harness.up(await harness.plan(stack(HOST, GUEST)));
    expect(outcome).toBe('failed');
    expect(summary(state)).toContain(
      'agent-0 failed (launch: Cannot launch: machine "db-0", which it shares, is not ready)',
    );
    expect(summary(state)).toContain('agent-1 ready');
  });

  it('of a later level share machines of an earlier one', async () => {
    await using harness = await createHarness();
    const text = `${stack(HOST, '{}').replace(/ {6}agent.*\n/, '')}  - name: app\n    services:\n      agent: ${GUEST}\n`;
    const plan = await harness.plan(text);
    expect((await harness.up(plan)).outcome).toBe('succeeded');
    expect(harness.cloud.instances).toHaveLength(2);
    expect((await harness.down(plan)).outcome).toBe('succeeded');
  });

  it('leave a machine that is to be replaced before it is torn down, of whatever level, and are bootstrapped on the next one', async () => {
    await using harness = await createHarness();
    const text = (image: string): string =>
      `${stack(HOST.replace('{', `{ image: ${image},`), GUEST)}  - name: app\n    services:\n      app: ${GUEST.replace('{', '{ count: 1,')}\n`;
    await harness.up(await harness.plan(text('one')));
    const changed = await harness.plan(text('two'));
    const fingerprint = (one: string): string => harness.store.fingerprint(one);
    const loaded = await harness.store.load('stack');
    const { differences } = forecast(changed, loaded, { fingerprint, retired: new Map() });
    expect(differences.some(({ conditional }) => conditional)).toBe(false);
    expect(differences.map(({ machine, action, cause }) => `${action} ${machine}: ${cause}`)).toEqual([
      'replace db-0: image changed',
      'replace db-1: image changed',
      'replace agent-0: db-0 is replaced',
      'replace agent-1: db-1 is replaced',
      'replace app-0: db-0 is replaced',
    ]);
    const before = ran(harness).length;
    const { outcome, state } = await harness.up(changed);
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toBe('db-0 ready\ndb-1 ready\nagent-0 ready\nagent-1 ready\napp-0 ready');
    const again = ran(harness).slice(before);
    const placeOf = (one: string): number => again.indexOf(one);
    for (const guest of ['agent-0', 'app-0']) {
      expect(placeOf(`${guest} teardown`)).toBeGreaterThanOrEqual(0);
      expect(placeOf(`${guest} teardown`)).toBeLessThan(placeOf('db-0 teardown'));
      expect(placeOf(`${guest} bootstrap`)).toBeGreaterThan(placeOf('db-0 bootstrap'));
    }
    expect(again.filter((one) => one.endsWith('bootstrap'))).toHaveLength(5);
  });

  it('that the plan does not ask for any more leave a machine that is replaced, too', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(stack(HOST, GUEST)));
    const before = ran(harness).length;
    const text = stack(HOST.replace('{', '{ image: two,'), GUEST.replace('{', '{ count: 1,'));
    const { outcome, state } = await harness.up(await harness.plan(text));
    expect(outcome).toBe('succeeded');
    expect(summary(state)).toContain('db-0 ready\ndb-1 ready\nagent-0 ready');
    const again = ran(harness).slice(before);
    expect(again.indexOf('agent-1 teardown')).toBeGreaterThanOrEqual(0);
    expect(again.indexOf('agent-1 teardown')).toBeLessThan(again.indexOf('db-1 teardown'));
  });
});
