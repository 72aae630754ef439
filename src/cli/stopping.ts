import type { Io, StopSignal } from './io.ts';
import { exitCodeOf } from './io.ts';

/** Turns the signals that ask for an end into an `AbortSignal`; a second one ends the process at once. */
export interface Stopping extends Disposable {
  readonly signal: AbortSignal;
  /** The first signal that came. */
  readonly received: StopSignal | null;
}

export function watchStop(io: Pick<Io, 'onStop' | 'exit'>): Stopping {
  const controller = new AbortController();
  let received: StopSignal | null = null;
  const unsubscribe = io.onStop((signal) => {
    if (received !== null) {
      io.exit(exitCodeOf(signal));
      return;
    }
    received = signal;
    controller.abort();
  });
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]: unsubscribe,
  };
}

/** What is left to wait for once a signal was aborted. `ranOut` never rejects. */
export interface Patience extends Disposable {
  readonly ranOut: Promise<null>;
}

/** Resolves `milliseconds` after the signal is aborted. */
export function patienceAfter(signal: AbortSignal, milliseconds: number): Patience {
  let timer: NodeJS.Timeout | undefined;
  let start: () => void = () => undefined;
  const ranOut = new Promise<null>((resolve) => {
    start = () => {
      timer = setTimeout(() => resolve(null), milliseconds);
    };
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
  return {
    ranOut,
    [Symbol.dispose]() {
      signal.removeEventListener('abort', start);
      clearTimeout(timer);
    },
  };
}

/** True for an error that says no more than that the signal was aborted. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

/** Does work that answers an exit code; that of the signal when one ended it. */
export async function untilStopped(
  io: Pick<Io, 'onStop' | 'exit'>,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  using stopping = watchStop(io);
  try {
    return await work(stopping.signal);
  } catch (error) {
    if (stopping.received === null || !isAbort(error, stopping.signal)) throw error;
    return exitCodeOf(stopping.received);
  }
}
