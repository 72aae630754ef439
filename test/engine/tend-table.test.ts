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
        count: { min: 1, max: 10 }
        bootstrap: { run: "true" }
        verify: { run: "true", timeout: 2s, attempts: 1 }
`;

/** Ten machines, each in another state. */
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
  await harness.down(plan, { only: ['web-9'] });
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

describe('machines that are ready, stopped, stopping, starting, gone, lost, failed, off, never launched, terminated', () => {
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
      'web-9 terminated (launch: Cannot launch: the fake cloud has room for 8)',
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
    'web-9 absent terminated',
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
        'web-9 absent terminated',
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
      'web-9 absent terminated',
    ]);
  });

  it.each([
    ['all at once', BATCH],
    ['one by one', SERIAL],
  ])('replace, %s: each has another instance, and no old one is left', async (_, pace) => {
    const { outcome, ends: became, running, launched } = await table('replace', { pace });
    expect(outcome).toBe('succeeded');
    expect(became).toEqual([
      ...Array.from({ length: 9 }, (_none, i) => `web-${i} done ready`),
      // It is launched again with the others of its level, which it was not asked for.
      'web-9 absent ready',
    ]);
    expect(launched.toSorted()).toEqual(Array.from({ length: 10 }, (_none, i) => `web-${i}`));
    expect(running).toBe(10);
  });

  it.each([
    ['all at once', BATCH],
    ['one by one', SERIAL],
  ])('a stop, %s, then a start: what is there runs, and what is not stays away', async (_, pace) => {
    const { harness, plan, cloud } = await mixed();
    await tend(harness, 'stop', plan, { pace });
    const { outcome, machines } = await tend(harness, 'start', plan, { pace });
    expect(outcome).toBe('failed');
    expect(machines.map(({ became }) => became)).toEqual([
      'done',
      'done',
      'done',
      'done',
      'failed',
      'failed',
      'done',
      'done',
      'absent',
      'absent',
    ]);
    expect(cloud.aliveIds().filter((id) => cloud.isRunning(id))).toHaveLength(6);
  });
});

const QUOTA = 'VcpuLimitExceeded';

/** Four machines that are there and on, or off for a start; from the second one on the provider refuses. */
async function atQuota(verb: Verb) {
  const harness = await createHarness({ bootTime: 1_000, stopTime: 1_000, endTime: 500, store: 'memory' });
  const { cloud } = harness;
  const plan = await harness.plan(FLEET.replace('max: 10', 'max: 4'));
  await harness.up(plan);
  if (verb === 'start') await tend(harness, 'stop', plan);
  for (const call of ['start', 'stop', 'reboot'] as const) {
    const ask = cloud[call].bind(cloud);
    cloud[call] = async (ids, cancel) => {
      const refused = ids
        .filter((id) => id !== 'i-1')
        .map((id) => [id, { kind: 'cannot', why: QUOTA }] as const);
      return new Map([
        ...(await ask(
          ids.filter((id) => id === 'i-1'),
          cancel,
        )),
        ...refused,
      ]);
    };
  }
  const launch = cloud.launch.bind(cloud);
  let left = 1;
  cloud.launch = async (batch, cancel) => {
    if (left < batch.min) return { kind: 'refused', message: QUOTA, retryAfter: null };
    cloud.capacity = cloud.alive().length + left;
    const answer = await launch(batch, cancel);
    if (answer.kind === 'launched') left -= answer.ids.filter((id) => id !== null).length;
    return answer;
  };
  return { harness, plan, cloud };
}

describe('a quota that the second machine meets', () => {
  const all = (line: string): readonly string[] =>
    ['web-1', 'web-2', 'web-3'].map((name) => `${name} ${line}`);
  const others = (first: string, rest: string): readonly string[] => [
    `web-1 ${first}`,
    `web-2 ${rest}`,
    `web-3 ${rest}`,
  ];
  const fast: Tending['pace'] = { ...SERIAL, failFast: true };
  const start = `failed failed (launch: Cannot start the machine: ${QUOTA})`;
  const stop = `failed ready (stop: Cannot stop: ${QUOTA})`;
  const reboot = `failed ready (launch: Cannot reboot: ${QUOTA})`;
  const replace = `failed failed (launch: Cannot launch: ${QUOTA})`;
  it.each<[Verb, string, Tending['pace'], readonly string[]]>([
    ['start', 'all at once', BATCH, all(start)],
    ['start', 'one by one', SERIAL, all(start)],
    ['start', 'one by one, to fail fast', fast, others(start, 'not-reached stopped')],
    ['stop', 'all at once', BATCH, all(stop)],
    ['stop', 'one by one', SERIAL, all(stop)],
    ['stop', 'one by one, to fail fast', fast, others(stop, 'not-reached ready')],
    ['reboot', 'all at once', BATCH, all(reboot)],
    ['reboot', 'one by one', SERIAL, all(reboot)],
    ['reboot', 'one by one, to fail fast', fast, others(reboot, 'not-reached ready')],
    ['replace', 'all at once', BATCH, all(replace)],
    ['replace', 'one by one', SERIAL, others(replace, 'not-reached ready')],
  ])('%s, %s: is told of each, and what was there before is kept', async (verb, _, pace, rest) => {
    const { harness, plan, cloud } = await atQuota(verb);
    const result = await tend(harness, verb, plan, pace === undefined ? {} : { pace });
    expect(result).toMatchObject({ outcome: 'failed', worked: true });
    expect(ends(result)).toEqual([`web-0 done ${verb === 'stop' ? 'stopped' : 'ready'}`, ...rest]);
    const kept = { start: 4, stop: 4, reboot: 4, replace: pace === BATCH ? 1 : 3 }[verb];
    expect(cloud.alive()).toHaveLength(kept);
  });
});
