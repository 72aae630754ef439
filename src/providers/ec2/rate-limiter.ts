import type { Clock } from '../../clock.ts';

/** Slowest rate, calls a second: EC2 lets no kind of call less often. Pauses between tries are the caller's. */
const SLOWEST = 1;
/** Seconds after a cut in which the rate is back at what was throttled. */
const RECOVERY = 3;
/** Milliseconds over which the rate of calls is measured. */
const WINDOW = 1_000;
/** Sent calls that are remembered before old ones are dropped, half of it. */
const KEPT = 64;

/** Leave to send one call, until the rate is cut. */
export interface Turn {
  readonly cuts: number;
}

/**
 * Adapts the rate of calls to what the other side takes: without a limit until the first throttled call, which halves
 * the rate that was measured; from there on it grows along a cubic: fast at first, hardly where calls were throttled
 * before, and ever faster beyond, for the rate was measured low where the bucket was nearly empty. Calls that were under way
 * when the rate was cut do not cut it again.
 */
export interface RateLimiter {
  /** Resolves when a call may be sent, first come first served. */
  turn(options: { readonly signal: AbortSignal }): Promise<Turn>;
  /** To be asked just before the call is sent: whether the leave still holds, or another is needed. */
  begin(turn: Turn): boolean;
  throttled(turn: Turn): void;
}

export function createRateLimiter(clock: Clock): RateLimiter {
  let cuts = 0;
  /** Of the last cut: when, and the rate at which calls were throttled. */
  let cut: { readonly at: number; readonly rate: number } | null = null;
  let tokens = 0;
  let filledAt = clock.now();
  let sent: number[] = [];
  let kept = KEPT;
  let stopTimer: (() => void) | null = null;
  const waiting = new Set<() => void>();

  function rateAt(now: number): number {
    if (cut === null) return Infinity;
    const fromRecovery = (now - cut.at) / 1_000 / RECOVERY - 1;
    return Math.max(SLOWEST, cut.rate * (1 + fromRecovery ** 3 / 2));
  }

  function fill(now: number): void {
    const mean = (rateAt(filledAt) + rateAt(now)) / 2;
    tokens = Math.min(Math.max(1, rateAt(now)), tokens + (mean * (now - filledAt)) / 1_000);
    filledAt = now;
  }

  /** When the calls of the window were sent. */
  function recent(now: number): number[] {
    return sent.filter((at) => at > now - WINDOW);
  }

  function serve(): void {
    stopTimer = null;
    const now = clock.now();
    if (cut !== null) fill(now);
    for (const next of waiting) {
      if (cut !== null && tokens < 1) {
        stopTimer = clock.after(Math.max(1, Math.ceil(((1 - tokens) / rateAt(now)) * 1_000)), serve);
        return;
      }
      waiting.delete(next);
      if (cut !== null) tokens -= 1;
      next();
    }
  }

  return {
    turn: ({ signal }) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const go = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve({ cuts });
        };
        const giveUp = (): void => {
          waiting.delete(go);
          if (waiting.size === 0) {
            stopTimer?.();
            stopTimer = null;
          }
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', giveUp, { once: true });
        waiting.add(go);
        if (stopTimer === null) serve();
      }),
    begin(turn) {
      if (turn.cuts !== cuts) return false;
      const now = clock.now();
      sent.push(now);
      if (sent.length >= 2 * kept) {
        sent = recent(now);
        kept = Math.max(KEPT, sent.length);
      }
      return true;
    },
    throttled(turn) {
      if (turn.cuts !== cuts) return;
      const now = clock.now();
      const measured = (Math.max(1, recent(now).length) * 1_000) / WINDOW;
      cut = { at: now, rate: Math.max(2 * SLOWEST, Math.min(measured, rateAt(now))) };
      cuts += 1;
      tokens = 0;
      filledAt = now;
    },
  };
}
