import { describe, expect, it } from 'vitest';
import type { Call, CloudFault } from '../support/fake-cloud.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness, summary } from '../support/harness.ts';

const forever = { signal: new AbortController().signal };
const fleet = (count: number, labels = '{ a: "1" }'): string => `
version: 1
name: stack
levels:
  - name: app
    services:
      web: { count: ${count}, labels: ${labels} }
`;

/** So many machines that were stopped before they were reached. */
async function stopped(count: number) {
  const harness = await createHarness({ bootTime: 1_000, store: 'memory' });
  const plan = await harness.plan(fleet(count));
  await harness.process('up', plan, { nth: 1, of: 'cloud describe', moment: 'after' });
  await harness.clock.sleep(2_000, forever);
  await harness.cloud.stop(harness.cloud.aliveIds(), forever);
  return { harness, plan, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

/** These faults, one after another, for the calls of that name. */
function faulty({ cloud }: Harness, name: Call, faults: readonly CloudFault[]): void {
  const left = [...faults];
  cloud.fault = (call) => (call === name ? (left.shift() ?? null) : null);
}

describe('power', () => {
  it('starts a thousand stopped machines with one call', async () => {
    await using subject = await stopped(1_000);
    const { harness, plan } = subject;
    const { outcome } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.start).toBe(1);
    expect(harness.cloud.instances).toHaveLength(1_000);
  });

  it('asks a provider that throttles again, for all machines together and no sooner than it wants', async () => {
    await using subject = await stopped(20);
    const { harness, plan } = subject;
    faulty(harness, 'start', [{ kind: 'throttles', retryAfter: 9_000 }, { kind: 'fails' }]);
    const begun = harness.clock.now();
    const { outcome } = await harness.up(plan);
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.start).toBe(3);
    expect(harness.clock.now() - begun).toBeGreaterThanOrEqual(9_500);
  });

  it('gives up on a provider that cannot be asked when the time is over', async () => {
    await using subject = await stopped(1);
    const { harness, plan } = subject;
    harness.cloud.break('start');
    const begun = harness.clock.now();
    const { outcome, state } = await harness.up(plan);
    expect(outcome).toBe('failed');
    expect(summary(state)).toBe('web-0 failed (launch: the fake cloud does not answer "start")');
    expect(harness.clock.now() - begun).toBeGreaterThanOrEqual(300_000);
  });
});

describe('labels', () => {
  it('change with one call for all machines', async () => {
    await using harness = await createHarness({ store: 'memory' });
    await harness.up(await harness.plan(fleet(300)));
    faulty(harness, 'label', [{ kind: 'throttles', retryAfter: 9_000 }]);
    const { outcome } = await harness.up(await harness.plan(fleet(300, '{ a: "2" }')));
    expect(outcome).toBe('succeeded');
    expect(harness.cloud.calls.label).toBe(2);
    expect(new Set(harness.cloud.instances.map(({ labels }) => JSON.stringify(labels)))).toEqual(
      new Set(['{"a":"2"}']),
    );
  });

  it.each([
    ['of one machine', ['i-1']],
    ['of all machines', ['i-1', 'i-2']],
  ])('that are refused, %s, are not recorded, and tried again by the next up', async (_, refusing) => {
    await using harness = await createHarness();
    const before = (await harness.up(await harness.plan(fleet(2)))).state.machines.get('web-0')?.made.labels;
    const { cloud } = harness;
    const label = cloud.label.bind(cloud);
    cloud.label = async (changes, cancel) =>
      new Map(
        [...(await label(changes, cancel))].map(([id, answer]) =>
          refusing.includes(id) ? [id, { kind: 'cannot', why: 'it has too many' }] : [id, answer],
        ),
      );
    const more = `${fleet(2, '{ a: "2" }')}  - name: next\n    services: { db: {} }\n`;
    const first = await harness.up(await harness.plan(more));
    expect(first.outcome).toBe('succeeded');
    expect(cloud.alive()).toEqual(['web-0', 'web-1', 'db-0']);
    const labels = ({ state }: typeof first) =>
      ['web-0', 'web-1'].map((name) => state.machines.get(name)?.made.labels);
    expect(labels(first).filter((one) => one?.['a'] === before?.['a'])).toHaveLength(refusing.length);
    expect(harness.events.filter(({ type }) => type === 'warning')).toHaveLength(refusing.length);
    expect(harness.events).toContainEqual({
      type: 'warning',
      message: 'Cannot label machine "web-0": it has too many',
    });
    expect(cloud.calls.label).toBe(1);
    cloud.label = label;
    const second = await harness.up(await harness.plan(more));
    expect(cloud.calls.label).toBe(2);
    expect(labels(second).filter((one) => one?.['a'] === before?.['a'])).toEqual([]);
  });
});
