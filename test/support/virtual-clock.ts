import type { Clock } from '../../src/clock.ts';

interface Timer {
  readonly at: number;
  readonly wake: () => void;
}

/** Turns of the event loop without a new timer after which everybody is taken to be asleep. */
const QUIET_TURNS = 6;

/**
 * A clock whose time jumps to the next timer as soon as nobody has anything to do before it. It sees that by letting
 * the event loop turn, so that it fits code whose only waits are this clock's, promises and `setImmediate`.
 */
export function createVirtualClock(start = 1_000_000): Clock {
  let now = start;
  let timers: Timer[] = [];
  let quiet = 0;
  let isPumping = false;

  function pump(): void {
    if (timers.length === 0) {
      isPumping = false;
      return;
    }
    quiet += 1;
    if (quiet > QUIET_TURNS) {
      quiet = 0;
      now = Math.max(now, Math.min(...timers.map(({ at }) => at)));
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
    }
    setImmediate(pump);
  }

  return {
    now: () => now,
    sleep: (milliseconds, { signal }) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          timers = timers.filter((other) => other !== timer);
          reject(signal.reason as Error);
        };
        const timer: Timer = {
          at: now + milliseconds,
          wake: () => {
            signal.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        timers.push(timer);
        quiet = 0;
        if (isPumping) return;
        isPumping = true;
        setImmediate(pump);
      }),
  };
}
