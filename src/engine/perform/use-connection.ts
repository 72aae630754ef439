import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Target } from '../../connection/connection-pool.ts';
import { spellDuration } from '../../duration.ts';
import type { Machine } from '../../machine.ts';
import type { Cancel, PerformContext } from './context.ts';

/** First pause before a machine is tried again, and the longest, in milliseconds. */
const PAUSE = { first: 100, longest: 2_000 };

export function targetOf(machine: Machine, onHostKey?: (hostKey: string) => void): Target {
  if (machine.id === null || machine.access === null)
    throw new Error(`Machine "${machine.name}" cannot be reached yet. This is a bug in plan.`);
  return { key: machine.id, access: machine.access, ...(onHostKey === undefined ? {} : { onHostKey }) };
}

export interface Persistence {
  readonly signal: AbortSignal;
  /** Told each time the connection could not be opened or broke, before the next try. */
  onBroken?(error: ConnectionError): void;
  /** Milliseconds without a connection after which trying ends; default: never. */
  readonly connectWithin?: number;
}

/**
 * Does work over the machine's connection, opened again as often as it breaks or cannot be opened, until the signal
 * aborts. `work` begins anew each time. Rejects with the `ConnectionError` when trying again changes nothing.
 */
export async function persist<T>(
  target: Target,
  context: PerformContext,
  { signal, onBroken, connectWithin = Infinity }: Persistence,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { clock, connections } = context.wiring;
  let pause = PAUSE.first;
  const last = { seen: clock.now(), isOpen: false };
  for (;;) {
    try {
      return await connections.use(target, { signal }, (connection) => {
        last.isOpen = true;
        return work(connection);
      });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (error.problem === 'host-key' || error.problem === 'failed') throw error;
      if (last.isOpen) last.seen = clock.now();
      last.isOpen = false;
      if (clock.now() - last.seen >= connectWithin) throw error;
      onBroken?.(error);
      await clock.sleep(pause, { signal });
      pause = Math.min(pause * 2, PAUSE.longest);
    }
  }
}

/** A signal that also aborts after `milliseconds`; `expired` tells which of the two it was. */
export function within(milliseconds: number, context: PerformContext, { signal }: Cancel) {
  const timer = new AbortController();
  const both = AbortSignal.any([signal, timer.signal]);
  let expired = false;
  const stop = new AbortController();
  context.wiring.clock
    .sleep(Math.max(0, milliseconds), { signal: AbortSignal.any([stop.signal, signal]) })
    .then(
      () => {
        expired = true;
        timer.abort(new Error(`The limit of ${spellDuration(milliseconds)} is over`));
      },
      () => undefined,
    );
  return {
    signal: both,
    expired: () => expired,
    [Symbol.dispose]: () => {
      stop.abort();
    },
  };
}
