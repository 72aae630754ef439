import type { Clock } from '../../src/clock.ts';
import { clockWith } from '../../src/clock.ts';
import type { Wiring } from '../../src/engine/operation.ts';
import type { Fact } from '../../src/fact.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { DeploymentState, Touched } from '../../src/state/deployment-state.ts';
import type { Store } from '../../src/state/store.ts';

/**
 * Where a process is killed: right before or right after the nth thing that it does, counted from 1, or while that is
 * on its way.
 */
export interface KillPoint {
  readonly nth: number;
  /** Count only what begins with this, such as `cloud launch`. */
  readonly of?: string;
  readonly moment: 'before' | 'during' | 'after';
}

/**
 * One process: what it does are transactions of its store, calls to providers and scripts on machines. Once it is
 * killed, no call of it reaches the world, no answer and no timer reaches it; what it began in the world goes on.
 */
export interface Life {
  /** What it did, in order, such as `commit launch-requested` or `cloud launch`. */
  readonly deeds: readonly string[];
  readonly died: Promise<void>;
}

/** A life to whose deeds a test adds its own. */
export interface Mortality extends Life {
  readonly signal: AbortSignal;
  /** A deed. `goesOn`: right after means right after its begin, not its end. */
  act<T>(name: string, effect: () => Promise<T>, options?: { readonly goesOn: boolean }): Promise<T>;
  /** Something that changes nothing in the world. */
  ask<T>(work: () => Promise<T>): Promise<T>;
}

export function mortal(
  wiring: Wiring,
  at: KillPoint | null,
): { readonly wiring: Wiring; readonly life: Mortality } {
  const life = createLife(at);
  const { connections, runner, logs } = wiring;
  const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, life.signal]);
  return {
    life,
    wiring: {
      ...wiring,
      logs,
      clock: mortalClock(wiring.clock, life),
      store: mortalStore(wiring.store, life),
      provider: async (config, place) => mortalProvider(await wiring.provider(config, place), life),
      connections: {
        use: (target, { signal }, work) =>
          life.ask(() =>
            connections.use(target, { signal: until(signal) }, (connection) =>
              life.ask(() => work(connection)),
            ),
          ),
        release: (key) => {
          if (!life.signal.aborted) connections.release(key);
        },
        discard: (key) => {
          if (!life.signal.aborted) connections.discard(key);
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      runner: {
        run: (connection, run, options) =>
          life.act(
            `script ${run.name}`,
            () => runner.run(connection, run, { ...options, signal: until(options.signal) }),
            { goesOn: true },
          ),
        attempt: (connection, run, options) =>
          life.act(
            'script verify',
            () => runner.attempt(connection, run, { ...options, signal: until(options.signal) }),
            { goesOn: true },
          ),
        clear: (connection, run, options) =>
          life.act('clear', () =>
            runner.clear(connection, run, { ...options, signal: until(options.signal) }),
          ),
        attach: (connection, run, options) =>
          life.ask(() => runner.attach(connection, run, { ...options, signal: until(options.signal) })),
        stop: (connection, runs, options) => life.act('stop', () => runner.stop(connection, runs, options)),
        put: (connection, run, options) => life.act('put', () => runner.put(connection, run, options)),
      },
      observe: (event, state) => {
        if (!life.signal.aborted) wiring.observe(event, state);
      },
    },
  };
}

function createLife(at: KillPoint | null): Mortality {
  const end = new AbortController();
  const { signal } = end;
  const deeds: string[] = [];
  let counted = 0;
  const died = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );

  const isOver = (): boolean => signal.aborted;

  async function ask<T>(work: () => Promise<T>): Promise<T> {
    if (isOver()) return never();
    try {
      const result = await work();
      return isOver() ? await never() : result;
    } catch (error) {
      if (isOver()) return never();
      throw error;
    }
  }

  function kill(): void {
    end.abort(new Error('killed'));
  }

  return {
    deeds,
    died,
    signal,
    ask,
    async act(name, effect, { goesOn } = { goesOn: false }) {
      if (signal.aborted) return never();
      deeds.push(name);
      if (at === null || !name.startsWith(at.of ?? '')) return ask(effect);
      counted += 1;
      if (counted !== at.nth) return ask(effect);
      if (at.moment !== 'before') {
        const over = effect().catch(() => undefined);
        if (at.moment === 'after' && !goesOn) await over;
      }
      kill();
      return never();
    },
  };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function mortalClock(clock: Clock, { signal }: Mortality): Clock {
  const timers = new Set<() => void>();
  signal.addEventListener('abort', () => timers.forEach((cancel) => cancel()), { once: true });
  return clockWith({
    now: () => clock.now(),
    after(milliseconds, callback) {
      if (signal.aborted) return () => undefined;
      const cancel = clock.after(milliseconds, () => {
        timers.delete(cancel);
        callback();
      });
      timers.add(cancel);
      return () => {
        timers.delete(cancel);
        cancel();
      };
    },
  });
}

function mortalProvider(provider: Provider, { act }: Mortality): Provider {
  return {
    ...provider,
    check: (previews, cancel) => act('cloud check', () => provider.check(previews, cancel)),
    prepare: (tags, requests, cancel) => act('cloud prepare', () => provider.prepare(tags, requests, cancel)),
    resolve: (request, cancel) => act('cloud resolve', () => provider.resolve(request, cancel)),
    release: (tags, cancel) => act('cloud release', () => provider.release(tags, cancel)),
    launch: (batch, cancel) => act('cloud launch', () => provider.launch(batch, cancel)),
    describe: (ids, cancel) => act('cloud describe', () => provider.describe(ids, cancel)),
    terminate: (ids, cancel) => act('cloud terminate', () => provider.terminate(ids, cancel)),
    stop: (ids, cancel) => act('cloud stop', () => provider.stop(ids, cancel)),
    start: (ids, cancel) => act('cloud start', () => provider.start(ids, cancel)),
    reboot: (ids, cancel) => act('cloud reboot', () => provider.reboot(ids, cancel)),
    list: (tags, cancel) => act('cloud list', () => provider.list(tags, cancel)),
  };
}

interface Append {
  readonly state: DeploymentState;
  readonly facts: readonly Fact[];
  readonly touched: Touched;
  resolve(): void;
  reject(error: unknown): void;
}

/** Makes one deed of what the store commits in one transaction. */
function mortalStore(store: Store, life: Mortality): Store {
  let waiting: Append[] = [];

  function flush(): void {
    const appends = waiting;
    waiting = [];
    const types = new Set(appends.flatMap(({ facts }) => facts.map(({ type }) => type)));
    life
      .act(`commit ${[...types].join(' ')}`, async () => {
        const done = Promise.all(
          appends.map(({ state, facts, touched }) => store.append(state, facts, touched)),
        );
        // A read commits what waits, before the state moves on.
        await store.events(appends[0]?.state.uuid ?? '', { after: 0, limit: 0 });
        await done;
      })
      .then(
        () => appends.forEach(({ resolve }) => resolve()),
        (error: unknown) => appends.forEach(({ reject }) => reject(error)),
      );
  }

  return {
    ...store,
    append: (state, facts, touched) =>
      new Promise<void>((resolve, reject) => {
        if (life.signal.aborted) return;
        if (waiting.length === 0) setImmediate(flush);
        waiting.push({ state, facts, touched, resolve, reject });
      }),
    load: (name) => life.ask(() => store.load(name)),
    lock: (name, holder, options) => life.ask(() => store.lock(name, holder, options)),
    saveSources: (sources) => life.ask(() => store.saveSources(sources)),
  };
}
