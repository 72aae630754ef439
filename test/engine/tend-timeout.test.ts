import { describe, expect, it } from 'vitest';
import type { HarnessOptions } from '../support/harness.ts';
import { createHarness, ran, summary } from '../support/harness.ts';
import type { Verb } from '../support/tending.ts';
import { SERIAL, ends, tend } from '../support/tending.ts';

const FLEET = `
version: 1
name: fleet
levels:
  - name: one
    services:
      web:
        count: 3
        bootstrap: { run: "true", attempts: 3 }
        verify: { run: "true", attempts: 1 }
        teardown: { run: "true" }
`;

async function ready(options: HarnessOptions = {}) {
  const harness = await createHarness({ store: 'memory', ...options });
  const plan = await harness.plan(FLEET);
  const { outcome, state } = await harness.up(plan);
  if (outcome !== 'succeeded') throw new Error(summary(state));
  return { harness, plan, cloud: harness.cloud };
}

const limited = (timeout: number) => ({ pace: { maxUnavailable: null, failFast: false, timeout } });
const LIMIT = 'It was not over within the limit of 5s per machine';

describe('the time that an operation may take on each machine', () => {
  it.each<[Verb, HarnessOptions, string]>([
    ['stop', { stopTime: 60_000 }, `stop: ${LIMIT}`],
    ['reboot', { connectTakes: 60_000 }, `connect: ${LIMIT}`],
    ['replace', { bootTime: 60_000 }, `launch: ${LIMIT}`],
  ])('of a %s is over', async (verb, options, failure) => {
    const { harness, plan } = await ready(options);
    const began = harness.clock.now();
    const result = await tend(harness, verb, plan, limited(5_000));
    expect(result.outcome).toBe('failed');
    expect(harness.clock.now() - began).toBeLessThan(verb === 'replace' ? 40_000 : 6_000);
    expect(ends(result).map((line) => line.replace(/.*\((.*)\)/, '$1'))).toEqual([failure, failure, failure]);
  });

  it('begins when a machine has its turn', async () => {
    const { harness, plan } = await ready({ stopTime: 3_000 });
    const result = await tend(harness, 'stop', plan, { pace: { ...SERIAL, timeout: 5_000 } });
    expect(result.outcome).toBe('succeeded');
  });

  it('leaves others alone: these go on', async () => {
    let isSlow = false;
    const { harness, plan } = await ready({
      behave: (machine, step) => ({
        exitCode: 0,
        takes: isSlow && machine === 'web-1' && step === 'verify' ? 60_000 : 10,
      }),
    });
    isSlow = true;
    const result = await tend(harness, 'reboot', plan, limited(5_000));
    expect(ends(result)).toEqual([
      'web-0 done ready',
      `web-1 failed failed (verify: ${LIMIT})`,
      'web-2 done ready',
    ]);
  });

  it('ends a script, which is not tried again', async () => {
    let isSlow = false;
    const { harness, plan } = await ready({
      behave: (machine, step) => ({
        exitCode: 0,
        takes: isSlow && machine === 'web-1' && step === 'bootstrap' ? 60_000 : 10,
      }),
    });
    isSlow = true;
    const before = ran(harness.machines).length;
    const result = await tend(harness, 'replace', plan, { ...limited(5_000), machines: ['web-1'] });
    expect(ends(result)).toEqual([
      'web-1 failed failed (bootstrap: Bootstrap "run" did not end within the limit of 5s per machine)',
    ]);
    expect(
      ran(harness.machines)
        .slice(before)
        .filter((line) => line === 'web-1 bootstrap'),
    ).toHaveLength(1);
    isSlow = false;
    expect((await harness.up(plan)).outcome).toBe('succeeded');
  });

  it('counts a teardown and what comes after it together', async () => {
    const { harness, plan } = await ready({
      behave: (_machine, step) => ({ exitCode: 0, takes: step === 'teardown' ? 60_000 : 10 }),
    });
    const result = await tend(harness, 'stop', plan, {
      ...limited(5_000),
      machines: ['web-0'],
      teardown: true,
    });
    expect(result.outcome).toBe('failed');
    expect(ends(result)[0]).toMatch(
      /^web-0 failed .*\(stop: It was not over within the limit of 5s per machine\)$/,
    );
  });

  it('is not spent waiting for a launch that would be asked for too late', async () => {
    const { harness, plan, cloud } = await ready();
    cloud.refuse(9, 60_000);
    const began = harness.clock.now();
    const result = await tend(harness, 'replace', plan, { ...limited(5_000), machines: ['web-0'] });
    expect(ends(result)).toEqual(['web-0 failed failed (launch: Cannot launch: the fake cloud is full)']);
    expect(harness.clock.now() - began).toBeLessThan(20_000);
  });
});
