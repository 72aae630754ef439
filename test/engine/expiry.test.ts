import { describe, expect, it } from 'vitest';
import { down } from '../../src/engine/down.ts';
import { expired, extend } from '../../src/engine/expiry.ts';
import type { Extension, Wiring } from '../../src/engine/operation.ts';
import { repair } from '../../src/engine/repair.ts';
import { up } from '../../src/engine/up.ts';
import { statusDocument } from '../../src/state/status.ts';
import type { Harness } from '../support/harness.ts';
import { createHarness } from '../support/harness.ts';

const HOUR = 3_600_000;
const PATHS = { plan: (path: string) => path, log: (path: string) => path };
const signal = new AbortController().signal;

function text(ttl: string | null = '8h'): string {
  return `
version: 1
name: stack
${ttl === null ? '' : `ttl: ${ttl}`}
levels: [{ name: only, services: { web: { count: 2, bootstrap: { run: "true" } } } }]
`;
}

async function end(harness: Harness): Promise<number | null> {
  return (await harness.store.load('stack'))?.expiresAt ?? null;
}

async function extended(harness: Harness, extension: Extension) {
  const plan = (await harness.recorded('stack')) ?? (await harness.plan(text()));
  return await extend(harness.wiring, { plan, extension, readPlan: () => Promise.resolve(null) }, { signal });
}

async function upFor(harness: Harness, ttl: number | null, written: string | null = null) {
  const plan = await harness.plan(text(written));
  return await up(
    harness.wiring,
    { plan, adopt: false, ttl, readPlan: () => Promise.resolve(null) },
    { signal },
  );
}

describe('the end of a deployment', () => {
  it('is so far from the beginning of its first up as the plan says, and stays there', async () => {
    await using harness = await createHarness();
    const first = harness.clock.now();
    const { state } = await harness.up(await harness.plan(text()));
    expect(await end(harness)).toBe(first + 8 * HOUR);
    expect(statusDocument(state, PATHS).expiresAt).toBe(new Date(first + 8 * HOUR).toISOString());
    await harness.clock.sleep(HOUR, { signal });
    await harness.up(await harness.plan(text()));
    expect(await end(harness)).toBe(first + 8 * HOUR);
  });

  it('is told to be that of no machine where the provider ends none', async () => {
    await using harness = await createHarness();
    const warnings = (): readonly string[] =>
      harness.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    await harness.up(await harness.plan(text(null)));
    expect(warnings()).toEqual([]);
    await harness.up(await harness.plan(text()));
    expect(warnings()).toEqual([
      'Machines of provider "local" do not end by themselves: only plan down, or plan down --expired, ends them',
    ]);
  });

  it('lets nothing but a down, another end or an up with one go on when it is over', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    await harness.clock.sleep(9 * HOUR, { signal });
    const request = { plan, readPlan: () => Promise.resolve(null) };
    await expect(repair(harness.wiring, request, { signal })).rejects.toThrow(
      'Cannot repair "stack": its time is over since',
    );
    await extended(harness, { kind: 'by', milliseconds: HOUR });
    expect((await repair(harness.wiring, request, { signal })).outcome).toBe('succeeded');
  });

  it('keeps a down that is for what is over from what was given more time', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    const request = { deployment: 'stack', plan, skipTeardown: false, ifExpired: true } as const;
    const readPlan = () => Promise.resolve(null);
    expect((await down(harness.wiring, { ...request, readPlan }, { signal })).worked).toBe(false);
    expect(harness.cloud.alive()).toHaveLength(2);
    await harness.clock.sleep(9 * HOUR, { signal });
    expect((await down(harness.wiring, { ...request, readPlan }, { signal })).outcome).toBe('succeeded');
    expect(harness.cloud.alive()).toEqual([]);
  });

  it('is another one with another ttl, or none', async () => {
    await using harness = await createHarness();
    await harness.up(await harness.plan(text()));
    const now = harness.clock.now();
    await harness.up(await harness.plan(text('2h')));
    expect(await end(harness)).toBe(now + 2 * HOUR);
    await harness.up(await harness.plan(text(null)));
    expect(await end(harness)).toBeNull();
  });

  it('is the one that an up was given, whatever the plan says', async () => {
    await using harness = await createHarness();
    const now = harness.clock.now();
    await upFor(harness, HOUR, '8h');
    expect(await end(harness)).toBe(now + HOUR);
    await upFor(harness, null, '8h');
    expect(await end(harness)).toBeNull();
    await harness.up(await harness.plan(text()));
    expect(await end(harness)).toBeNull();
  });

  it('begins anew with a deployment that was down, or whose time was over', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    await harness.clock.sleep(9 * HOUR, { signal });
    const over = harness.clock.now();
    await harness.up(plan);
    expect(await end(harness)).toBe(over + 8 * HOUR);
    await harness.down(plan);
    await harness.clock.sleep(HOUR, { signal });
    const down = harness.clock.now();
    await harness.up(plan);
    expect(await end(harness)).toBe(down + 8 * HOUR);
  });

  it('has to be said again when it is over and the plan has none', async () => {
    await using harness = await createHarness();
    await upFor(harness, HOUR);
    await harness.clock.sleep(2 * HOUR, { signal });
    await expect(harness.up(await harness.plan(text(null)))).rejects.toThrow(
      'Cannot bring up "stack": its time is over since',
    );
    expect((await upFor(harness, HOUR)).outcome).toBe('succeeded');
  });

  it('is put off, set and taken away', async () => {
    await using harness = await createHarness();
    const first = harness.clock.now();
    await harness.up(await harness.plan(text()));
    const { outcome, state } = await extended(harness, { kind: 'by', milliseconds: HOUR });
    expect(outcome).toBe('succeeded');
    expect(state.operation?.kind).toBe('extend');
    expect(await end(harness)).toBe(first + 9 * HOUR);
    const now = harness.clock.now();
    await extended(harness, { kind: 'to', milliseconds: HOUR });
    expect(await end(harness)).toBe(now + HOUR);
    await extended(harness, { kind: 'never' });
    expect(await end(harness)).toBeNull();
    await expect(extended(harness, { kind: 'by', milliseconds: HOUR })).rejects.toThrow(
      'Cannot give "stack" more time: it has no end',
    );
  });

  it('lets those be found that are over and not down', async () => {
    await using harness = await createHarness();
    const plan = await harness.plan(text());
    await harness.up(plan);
    const over = harness.clock.now() + 8 * HOUR;
    expect(await expired(harness.store, over - HOUR)).toEqual([]);
    expect((await expired(harness.store, over)).map(({ name }) => name)).toEqual(['stack']);
    await harness.down(plan);
    expect(await expired(harness.store, over)).toEqual([]);
  });
});

describe('machines that end by shutting down', () => {
  async function told(fails = false) {
    const harness = await createHarness();
    const commands: string[] = [];
    const end = { exitCode: fails ? 1 : 0, exitSignal: null, stdout: Buffer.alloc(0) };
    const { connections } = harness.wiring;
    const wiring: Wiring = {
      ...harness.wiring,
      provider: () => Promise.resolve({ ...harness.cloud, endsOnShutdown: true }),
      connections: {
        ...connections,
        use: (target, cancel, work) =>
          connections.use(target, cancel, (connection) =>
            work({
              ...connection,
              exec(command, options) {
                const program = typeof options.stdin === 'string' ? options.stdin : '';
                const [, told] = /echo (never|\d+) >/.exec(program) ?? [];
                if (told === undefined) return connection.exec(command, options);
                commands.push(told);
                return Promise.resolve({ ...end, stderr: Buffer.from('sudo: a password is required\n') });
              },
            }),
          ),
      },
    };
    return { harness, wiring, commands, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
  }

  it('are told as soon as they are reached, and anew when the end is another one', async () => {
    await using trial = await told();
    const { harness, wiring, commands } = trial;
    const plan = await harness.plan(text());
    const readPlan = () => Promise.resolve(null);
    const latest = async (): Promise<readonly string[]> => {
      const at = await end(harness);
      const said = at === null ? 'never' : String(Math.ceil(at / 1_000));
      return [said, said];
    };
    await up(wiring, { plan, adopt: false, readPlan }, { signal });
    expect(commands.splice(0)).toEqual(await latest());
    await extend(wiring, { plan, extension: { kind: 'to', milliseconds: 90_000 }, readPlan }, { signal });
    expect(commands.splice(0)).toEqual(await latest());
    const { outcome } = await extend(wiring, { plan, extension: { kind: 'never' }, readPlan }, { signal });
    expect(outcome).toBe('succeeded');
    expect(commands.splice(0)).toEqual(await latest());
    await up(wiring, { plan: await harness.plan(text('1h')), adopt: false, readPlan }, { signal });
    expect(commands.splice(0)).toEqual(await latest());
  });

  it('are told by the next up of an end that was set and not told', async () => {
    await using trial = await told();
    const { harness, wiring, commands } = trial;
    const plan = await harness.plan(text());
    const request = { plan, adopt: false, readPlan: () => Promise.resolve(null) };
    await up(wiring, request, { signal });
    const cut = new AbortController();
    const interrupted: Wiring = {
      ...wiring,
      observe(event, state) {
        if (event.type === 'fact' && event.fact.type === 'operation-started') cut.abort(new Error('Cut off'));
        wiring.observe(event, state);
      },
    };
    commands.splice(0);
    const { outcome } = await up(interrupted, { ...request, ttl: HOUR }, cut);
    expect(outcome).toBe('interrupted');
    expect(commands.splice(0)).toEqual([]);
    await up(wiring, request, { signal });
    const said = String(Math.ceil(((await end(harness)) ?? 0) / 1_000));
    expect(commands.splice(0)).toEqual([said, said]);
    await up(wiring, request, { signal });
    expect(commands).toEqual([]);
  });

  it('come up all the same where they cannot be told, with a warning', async () => {
    await using trial = await told(true);
    const { harness, wiring } = trial;
    const plan = await harness.plan(text());
    const readPlan = () => Promise.resolve(null);
    expect((await up(wiring, { plan, adopt: false, readPlan }, { signal })).outcome).toBe('succeeded');
    const warnings = harness.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toContain(
      'Cannot have machine "web-0" end by itself when its time is over: sudo: a password is required',
    );
    const { outcome } = await extend(wiring, { plan, extension: { kind: 'never' }, readPlan }, { signal });
    expect(outcome).toBe('failed');
  });
});
