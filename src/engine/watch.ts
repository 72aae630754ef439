import type { Clock } from '../clock.ts';
import type { Observation, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { jointSignal } from './joint-signal.ts';

/** Waits for what a provider says of instances, with one poll for all of them. */
export interface Watch {
  /**
   * Resolves with the first observation that `until` accepts, or with `timeout` and the last thing that is known: also
   * before the time is over when asking again is of no use.
   * `unknown` is not shown to `until` before the provider's consistency delay has passed.
   */
  wait(id: string, options: WaitOptions): Promise<WatchEnd>;
}

export interface WaitOptions {
  until(observation: Observation): boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export type WatchEnd =
  | { readonly kind: 'seen'; readonly observation: Observation }
  /** `lastError`: why the provider could not be asked, when that was so at the end. */
  | { readonly kind: 'timeout'; readonly last: Observation | null; readonly lastError: string | null };

interface Waiter extends WaitOptions {
  readonly since: number;
  last: Observation | null;
  resolve(end: WatchEnd): void;
  reject(error: unknown): void;
}

export function createWatch(provider: Provider, clock: Clock): Watch {
  const waiters = new Map<string, Set<Waiter>>();
  let polling = false;
  let lastAskedAt = -Infinity;

  function settle(id: string, waiter: Waiter): void {
    const group = waiters.get(id);
    group?.delete(waiter);
    if (group?.size === 0) waiters.delete(id);
  }

  /** `askedAt` decides how old `unknown` is, because an answer that is long on its way shows what was before. */
  function look(
    id: string,
    observation: Observation | undefined,
    error: string | null,
    { askedAt, isFinal }: { readonly askedAt: number; readonly isFinal: boolean },
  ): void {
    const now = clock.now();
    for (const waiter of waiters.get(id) ?? []) {
      const early = observation?.state === 'unknown' && askedAt - waiter.since < provider.consistencyDelay;
      waiter.last = observation ?? waiter.last;
      if (waiter.signal.aborted) {
        settle(id, waiter);
        waiter.reject(waiter.signal.reason);
      } else if (observation !== undefined && !early && waiter.until(observation)) {
        settle(id, waiter);
        waiter.resolve({ kind: 'seen', observation });
      } else if (isFinal || now - waiter.since >= waiter.timeout) {
        settle(id, waiter);
        waiter.resolve({ kind: 'timeout', last: waiter.last, lastError: error });
      }
    }
  }

  /** Of all who wait. */
  function signals(): readonly AbortSignal[] {
    return [...waiters.values()].flatMap((group) => [...group].map(({ signal }) => signal));
  }

  /** Two polls are never closer than the provider's interval, whoever waits; it is over at once when nobody does. */
  async function spacing(): Promise<void> {
    const left = lastAskedAt + provider.pollInterval - clock.now();
    if (left <= 0) return;
    using cancel = jointSignal(signals());
    await clock.sleep(left, cancel).catch(() => undefined);
  }

  /** Polls as long as somebody waits. A provider that cannot be asked is asked again until the waits run out. */
  async function poll(): Promise<void> {
    while (waiters.size > 0) {
      await spacing();
      const ids = [...waiters.keys()];
      using cancel = jointSignal(signals());
      let observations: ReadonlyMap<string, Observation> | undefined;
      let failure: string | null = null;
      let isFinal = false;
      const askedAt = clock.now();
      lastAskedAt = askedAt;
      try {
        observations = await provider.describe(ids, cancel);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
        isFinal = error instanceof ProviderError && error.isFinal;
      }
      for (const id of ids) look(id, observations?.get(id), failure, { askedAt, isFinal });
    }
  }

  function begin(): void {
    if (polling || waiters.size === 0) return;
    polling = true;
    // A turn later, so that all who begin to wait in this turn are in the first poll.
    setImmediate(() => {
      void poll().finally(() => {
        polling = false;
        // Whoever was answered last may wait for something else by now.
        begin();
      });
    });
  }

  return {
    wait: (id, options) =>
      new Promise<WatchEnd>((resolve, reject) => {
        const waiter: Waiter = { ...options, since: clock.now(), last: null, resolve, reject };
        const group = waiters.get(id);
        if (group === undefined) waiters.set(id, new Set([waiter]));
        else group.add(waiter);
        begin();
      }),
  };
}
