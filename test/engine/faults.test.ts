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

describe('a repair after a down that was killed', () => {
  it('replaces what the down had begun to end', async () => {
    await using harness = await createHarness({ behave: () => ({ takes: 300 }) });
    const plan = await harness.plan(WEB);
    await harness.up(plan);
    await harness.process('down', plan, { nth: 1, of: 'script', moment: 'after' });
    const { outcome, state } = await harness.repair(plan);
    expect(outcome).toBe('succeeded');
    expect([...state.machines.values()].map(({ stage, generation }) => [stage, generation])).toEqual([
      ['ready', 2],
      ['ready', 2],
    ]);
    expect(harness.cloud.alive()).toEqual(['web-0', 'web-1']);
  });
});

describe('a launch whose caller was killed', () => {
  it('is found by a down that is throttled', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(WEB);
    await harness.process('up', plan, { nth: 1, of: 'cloud launch', moment: 'during' });
    let throttled = 0;
    harness.cloud.fault = (call) =>
      call === 'list' && (throttled += 1) < 3 ? { kind: 'throttles', retryAfter: 500 } : null;
    const { outcome } = await harness.down(plan);
    expect({ outcome, alive: harness.cloud.alive() }).toEqual({ outcome: 'succeeded', alive: [] });
  });

  it('is found although the list that shows it is the first that is asked for after the delay', async () => {
    await using harness = await createHarness({ consistencyDelay: 1_000 });
    const plan = await harness.plan(WEB);
    harness.cloud.fault = (call) => (call === 'launch' ? { kind: 'late', by: 1_980 } : null);
    await harness.process('up', plan, { nth: 1, of: 'cloud launch', moment: 'during' });
    const from = harness.clock.now();
    harness.cloud.fault = (call) =>
      call === 'list' && harness.clock.now() >= from + 850 ? { kind: 'late', by: 150 } : null;
    const { outcome } = await harness.down(plan);
    await harness.clock.sleep(5_000, forever);
    expect({ outcome, alive: harness.cloud.alive() }).toEqual({ outcome: 'succeeded', alive: [] });
  });

  it('is found although the plan no longer has its provider', async () => {
    await using harness = await createHarness();
    const text = WEB.replace('levels:', 'providers: { other: { type: local } }\nlevels:').replace(
      '    services:',
      '    services:\n      db: { provider: other }',
    );
    await harness.process('up', await harness.plan(text), { nth: 1, of: 'cloud launch', moment: 'during' });
    const { outcome } = await harness.up(await harness.plan(WEB));
    expect({ outcome, alive: harness.cloud.alive() }).toEqual({
      outcome: 'succeeded',
      alive: ['web-0', 'web-1'],
    });
  });
});

describe('a machine that the provider does not show yet', () => {
  it('is not lost because an answer came late', async () => {
    await using harness = await createHarness({ consistencyDelay: 1_000, visibleAfter: 980 });
    const plan = await harness.plan(WEB);
    const from = harness.clock.now();
    harness.cloud.fault = (call) =>
      call === 'describe' && harness.clock.now() >= from + 800 ? { kind: 'late', by: 300 } : null;
    const { outcome } = await harness.up(plan);
    expect({ outcome, launched: harness.cloud.instances.length }).toEqual({
      outcome: 'succeeded',
      launched: 2,
    });
  });
});

describe('an edited plan', () => {
  const told = (mode: string): string =>
    WEB.replace(
      'count: 2,',
      `count: 2, env: { MODE: ${mode} }, verify: { run: "true", interval: 1s, timeout: 3s },`,
    );

  it('is compared with a machine that failed to verify before that is tried again', async () => {
    await using harness = await createHarness({
      behave: (machine, step) => ({
        takes: 100,
        exitCode: step === 'verify' && !isGood(machine) ? 1 : 0,
      }),
    });
    const isGood = (machine: string): boolean =>
      harness.machines.executions.findLast((one) => one.machine === machine && one.step === 'bootstrap')?.run
        .env['MODE'] === 'good';
    expect((await harness.up(await harness.plan(told('bad')))).outcome).toBe('failed');
    const { outcome } = await harness.up(await harness.plan(told('good')));
    expect(outcome).toBe('succeeded');
    expect(ran(harness.machines).filter((line) => line === 'web-0 bootstrap')).toHaveLength(2);
    expect((await harness.up(await harness.plan(told('good')))).worked).toBe(false);
  });

  it('is compared with what a script was told that ran on, once all that it is told of was reached', async () => {
    await using harness = await createHarness({ bootTime: 500, behave: () => ({ takes: 300 }) });
    const text = WEB.replace('count: 2,', `count: 1, env: { PEERS: "{{join services.web.all.name ','}}" },`);
    await harness.process('up', await harness.plan(text), { nth: 1, of: 'script', moment: 'after' });
    const plan = await harness.plan(text.replace('count: 1', 'count: 2'));
    expect((await harness.up(plan)).outcome).toBe('succeeded');
    const told = harness.machines.executions
      .filter(({ step, machine }) => step === 'bootstrap' && machine === 'web-0')
      .map(({ run }) => run.env['PEERS']);
    expect(told).toEqual(['web-0', 'web-0,web-1']);
    expect((await harness.up(plan)).worked).toBe(false);
  });
});
