/** Time as a dependency, so that a test can own it. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls back once after that time. Answers a function that prevents it. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(milliseconds: number, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Longest delay of a timer; what is asked for beyond it waits this long, 24 days. */
const LONGEST = 2 ** 31 - 1;

export const systemClock: Clock = clockWith({
  now: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST));
    return () => {
      clearTimeout(timer);
    };
  },
});

/** A clock from its two primitives. */
export function clockWith({ now, after }: Pick<Clock, 'now' | 'after'>): Clock {
  return {
    now,
    after,
    sleep: (milliseconds, { signal }) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          cancel();
          reject(signal.reason as Error);
        };
        const cancel = after(milliseconds, () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
        signal.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
