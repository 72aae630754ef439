import { describe, expect, it } from 'vitest';
import { createHarness, summary } from '../support/harness.ts';
import type { Tending, Verb } from '../support/tending.ts';
import { BATCH, SERIAL, ends, tend, tendUntil } from '../support/tending.ts';

const FLEET = `
version: 1
name: fleet
levels:
  - name: one
    services:
      web:
        count: { min: 1, max: 9 }
        bootstrap: { run: "true" }
        verify: { run: "true", timeout: 2s, attempts: 1 }
`;

/** Nine machines, each in another state. */
async function mixed() {
  const sick = new Set<string>();
  const harness = await createHarness({
    bootTime: 1_000,
    stopTime: 1_000,
    endTime: 500,
    store: 'memory',
    behave: (machine, step) => ({ exitCode: step === 'verify' && sick.has(machine) ? 1 : 0 }),
  });
  const { cloud } = harness;
  const plan = await harness.plan(FLEET);
  cloud.capacity = 8;
  await harness.up(plan);
  const only = (name: string): Tending => ({ machines: [name] });
  const killed = (verb: Verb, name: string) =>
    tendUntil(harness, verb, plan, { nth: 1, of: `cloud ${verb}`, moment: 'after' }, only(name));
  await tend(harness, 'stop', plan, only('web-1'));
  await killed('stop', 'web-2');
  await tend(harness, 'stop', plan, only('web-3'));
  await killed('start', 'web-3');
  // Nobody knows of its end.
  cloud.end('i-5');
  cloud.end('i-6');
  await tend(harness, 'start', plan, only('web-5'));
  sick.add('web-6');
  await tend(harness, 'reboot', plan, only('web-6'));
  sick.clear();
  // Nobody knows that it is off.
  await cloud.stop(['i-8'], { signal: new AbortController().signal });
  const state = await harness.store.load('fleet');
  cloud.rebooted.length = 0;
  cloud.capacity = Infinity;
  return { harness, plan, cloud, was: state === null ? '' : summary(state) };
}

const LOST = 'The machine is "terminat';

/** What became of each machine, what was asked of the provider for good, and what it has then. */
async function table(verb: Verb, options: Tending) {
  const { harness, plan, cloud } = await mixed();
  const launched = cloud.instances.length;
  const result = await tend(harness, verb, plan, options);
  return {
    outcome: result.outcome,
    ends: ends(result).map((line) => line.replace(new RegExp(`${LOST}.*"`), `${LOST}…"`)),
    rebooted: cloud.rebooted,
    launched: cloud.instances.slice(launched).map(({ name }) => name),
    running: cloud.aliveIds().filter((id) => cloud.isRunning(id)).length,
  };
}

describe('machines that are ready, stopped, stopping, starting, gone, lost, failed, off, never launched', () => {
  it('are shown as far as is known', async () => {
    const { was } = await mixed();
    expect(was.split('\n')).toEqual([
      'web-0 ready',
      'web-1 stopped',
      'web-2 stopping',
      'web-3 launching',
      'web-4 ready',
      `web-5 lost (launch: ${LOST}ing" at the provider)`,
      'web-6 failed (verify: Verify "run" did not pass in its only try: the last try exited with 1)',
      'web-7 ready',
      'web-8 failed (launch: Cannot launch: the fake cloud has room for 8)',
    ]);
  });

  const started = [
    'web-0 already ready',
    'web-1 done ready',
    'web-2 done ready',
    'web-3 done ready',
    `web-4 failed lost (launch: ${LOST}…" at the provider)`,
    `web-5 failed lost (launch: ${LOST}…" at the provider)`,
    'web-6 done ready',
    'web-7 done ready',
    'web-8 absent failed',
  ];
  it.each([
    ['all at once', BATCH],
    ['one by one', SERIAL],
  ])('start, %s: those that are there run, and nothing is launched', async (_, pace) => {
    expect(await table('start', { pace })).toEqual({
      outcome: 'failed',
      ends: started,
      rebooted: [],
      launched: [],
      running: 6,
    });
  });

  it.each([
    ['all at once', BATCH],
    ['one by one', SERIAL],
  ])('stop, %s: those that are there are off', async (_, pace) => {
    expect(await table('stop', { pace })).toEqual({
      outcome: 'failed',
      ends: [
        'web-0 done stopped',
        'web-1 already stopped',
        'web-2 done stopped',
        'web-3 done stopped',
        `web-4 failed lost (stop: ${LOST}…" at the provider)`,
        `web-5 failed lost (stop: ${LOST}…" at the provider)`,
        'web-6 done stopped',
        'web-7 done stopped',
        'web-8 absent failed',
      ],
      rebooted: [],
      launched: [],
      running: 0,
    });
  });

  it('reboot, all at once: those that are off are started', async () => {
    const { rebooted, ...others } = await table('reboot', { pace: BATCH });
    expect(others).toEqual({
      outcome: 'failed',
      ends: started.map((line) => line.replace('already', 'done')),
      launched: [],
      running: 6,
    });
    expect(rebooted.filter((id) => id === 'i-1' || id === 'i-7')).toEqual(['i-1', 'i-7']);
  });

  it('reboot, one by one: ends with the first failure, and the others are what they were', async () => {
    const { outcome, ends: became } = await table('reboot', { pace: SERIAL });
    expect(outcome).toBe('failed');
    expect(became).toEqual([
      'web-0 done ready',
      'web-1 done ready',
      'web-2 done ready',
      'web-3 done ready',
      `web-4 failed lost (launch: ${LOST}…" at the provider)`,
      'web-5 not-reached lost',
      'web-6 not-reached failed',
      'web-7 not-reached ready',
      'web-8 absent failed',
    ]);
  });

  it.each([
    ['all at once', BATCH],
    ['one by one', SERIAL],
  ])('replace, %s: each has another instance, and no old one is left', async (_, pace) => {
    const { outcome, ends: became, running, launched } = await table('replace', { pace });
    expect(outcome).toBe('succeeded');
    expect(became).toEqual(Array.from({ length: 9 }, (_none, i) => `web-${i} done ready`));
    expect(launched.toSorted()).toEqual(Array.from({ length: 9 }, (_none, i) => `web-${i}`));
    expect(running).toBe(9);
  });
});
