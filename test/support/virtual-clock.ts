import type { Clock } from '../../src/clock.ts';
import { clockWith } from '../../src/clock.ts';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** Turns of the event loop without a new timer after which everybody is taken to be asleep. */
const QUIET_TURNS = 6;

/**
 * A clock whose time jumps to the next timer as soon as nobody has anything to do before it. It sees that by letting
 * the event loop turn, so that it fits code whose only waits are this clock's, promises and `setImmediate`.
 */
export function createVirtualClock(start = 1_000_000): Clock {
  let now = start;
  const timers = new Set<Timer>();
  let quiet = 0;
  let isPumping = false;

  function pump(): void {
    if (timers.size === 0) {
      isPumping = false;
      return;
    }
    quiet += 1;
    if (quiet > QUIET_TURNS) {
      quiet = 0;
      let next = Infinity;
      for (const { at } of timers) next = Math.min(next, at);
      now = Math.max(now, next);
      for (const timer of [...timers]) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.callback();
      }
    }
    setImmediate(pump);
  }

  return clockWith({
    now: () => now,
    after(milliseconds, callback) {
      const timer = { at: now + milliseconds, callback };
      timers.add(timer);
      quiet = 0;
      if (!isPumping) {
        isPumping = true;
        setImmediate(pump);
      }
      return () => {
        timers.delete(timer);
      };
    },
  });
}
