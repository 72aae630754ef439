import type { Io, StopSignal } from './io.ts';
import { exitCodeOf } from './io.ts';

/** An operation ends within five seconds of the first signal, whatever still waits. */
const PATIENCE = 4_500;

/** Turns the signals that ask for an end into an `AbortSignal`. */
export interface Stopping extends Disposable {
  readonly signal: AbortSignal;
  /** The first signal that came. */
  readonly received: StopSignal | null;
}

/**
 * The first signal aborts; a second one ends the process at once, and so does the time that an end may take.
 * `onStop` is told of the first signal, `onEnd` is called before the process is ended.
 */
export function watchStop(
  io: Pick<Io, 'onStop' | 'exit'>,
  { onStop = () => undefined, onEnd = () => undefined }: { onStop?: () => void; onEnd?: () => void } = {},
): Stopping {
  const controller = new AbortController();
  let received: StopSignal | null = null;
  let timer: NodeJS.Timeout | undefined;
  const unsubscribe = io.onStop((signal) => {
    if (received !== null) {
      io.exit(exitCodeOf(signal));
      return;
    }
    received = signal;
    timer = setTimeout(() => {
      onEnd();
      io.exit(exitCodeOf(signal));
    }, PATIENCE);
    onStop();
    controller.abort();
  });
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
