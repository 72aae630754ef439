import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../../src/connection/connection.ts';
import { overMachines } from '../../../src/engine/fleet/over-machines.ts';
import type { OverOptions, Worked } from '../../../src/engine/fleet/over-machines.ts';
import type { Cancel } from '../../../src/engine/perform/context.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const never = new AbortController().signal;

function machines(...services: readonly string[]): readonly Worked[] {
  return services.map((service, index) => ({ name: `${service}-${index}`, service }));
}

const six = machines('web', 'web', 'web', 'db', 'db', 'db');

/** What each machine came to, in words, and how many worked at the same time. */
async function over(
  work: (
    machine: Worked,
    cancel: Cancel & { readonly clock: ReturnType<typeof createVirtualClock> },
  ) => Promise<number>,
  options: Partial<OverOptions<number>> & { readonly of?: readonly Worked[] } = {},
): Promise<{
  readonly results: string;
  readonly events: string;
  readonly most: Readonly<Record<string, number>>;
}> {
  const clock = createVirtualClock();
  const working = new Map<string, number>();
  const most: Record<string, number> = {};
  const events: string[] = [];
  const results = await overMachines(
    options.of ?? six,
    async (machine, { signal }) => {
      for (const key of ['all', machine.service]) {
        working.set(key, (working.get(key) ?? 0) + 1);
        most[key] = Math.max(most[key] ?? 0, working.get(key) ?? 0);
      }
      try {
        return await work(machine, { signal, clock });
      } finally {
        for (const key of ['all', machine.service]) working.set(key, (working.get(key) ?? 0) - 1);
      }
    },
    {
      clock,
      signal: never,
      parallelism: 100,
      isFailure: (code) => code !== 0,
      onEvent: (event) => events.push(`${event.machine} ${event.type}`),
      ...options,
    },
  );
  const texts = results.map(({ machine, outcome, milliseconds }) => {
    const detail =
      outcome.kind === 'ended'
        ? outcome.value
        : 'why' in outcome
          ? outcome.why
          : 'limit' in outcome
            ? outcome.limit
            : '';
    return `${machine} ${outcome.kind} ${detail} ${milliseconds}`;
  });
  return { results: texts.join('\n'), events: events.join('\n'), most };
}

describe('overMachines()', () => {
  it('answers for every machine in order, whatever comes of the work', async () => {
    const { results } = await over(
      async ({ name }, { signal, clock }) => {
        if (name === 'web-0') throw new ConnectionError('unreachable', 'no answer');
        if (name === 'web-1') throw new ConnectionError('failed', 'no room');
        if (name === 'web-2') await clock.sleep(60_000, { signal });
        if (name === 'db-3') throw new TypeError('what');
        await clock.sleep(name === 'db-4' ? 500 : 100, { signal });
        return name === 'db-4' ? 7 : 0;
      },
      { timeout: 1_000 },
    );
    expect(results).toBe(
      [
        'web-0 unreachable no answer 0',
        'web-1 failed no room 0',
        'web-2 timed-out 1000 1000',
        'db-3 failed what 0',
        'db-4 ended 7 500',
        'db-5 ended 0 100',
      ].join('\n'),
    );
  });

  it('works on so many at the same time, and on so many of each service', async () => {
    const work = async (_machine: Worked, { signal, clock }: Parameters<Parameters<typeof over>[0]>[1]) => {
      await clock.sleep(10, { signal });
      return 0;
    };
    expect((await over(work)).most).toEqual({ all: 6, web: 3, db: 3 });
    expect((await over(work, { parallelism: 2 })).most['all']).toBe(2);
    expect((await over(work, { maxUnavailable: 1 })).most).toEqual({ all: 2, web: 1, db: 1 });
    expect((await over(work, { maxUnavailable: '50%' })).most).toEqual({ all: 4, web: 2, db: 2 });
    expect((await over(work, { maxUnavailable: '1%', parallelism: 1 })).most).toEqual({
      all: 1,
      web: 1,
      db: 1,
    });
  });

  it('begins with no other once one failed, if asked to, and tells of those that are skipped', async () => {
    const { results, events } = await over(
      async ({ name }, { signal, clock }) => {
        await clock.sleep(name === 'web-0' ? 10 : 50, { signal });
        return name === 'web-0' ? 3 : 0;
      },
      { failFast: true, parallelism: 2, of: six.slice(0, 4) },
    );
    expect(results).toBe(
      [
        'web-0 ended 3 10',
        'web-1 ended 0 50',
        'web-2 skipped "web-0" failed 0',
        'db-3 skipped "web-0" failed 0',
      ].join('\n'),
    );
    expect(events).toBe(
      ['web-0 began', 'web-1 began', 'web-0 ended', 'web-2 ended', 'db-3 ended', 'web-1 ended'].join('\n'),
    );
  });

  it('interrupts what is under way and begins nothing else when the signal is aborted', async () => {
    const cancel = new AbortController();
    const { results } = await over(
      async (_machine, { signal, clock }) => {
        clock.after(5, () => cancel.abort(new Error('enough')));
        await clock.sleep(50, { signal });
        return 0;
      },
      { signal: cancel.signal, parallelism: 1, of: six.slice(0, 2) },
    );
    expect(results).toBe('web-0 interrupted  5\nweb-1 skipped it was interrupted before 0');
  });

  it('has nothing to answer of no machine', async () => {
    expect((await over(() => Promise.resolve(0), { of: [] })).results).toBe('');
  });
});
