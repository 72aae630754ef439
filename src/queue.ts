import PQueue from 'p-queue';

/** Bounds how many pieces of work are under way at the same time. */
export interface Queue {
  /**
   * Waits for a place, does the work, frees the place. Work that waits when the signal aborts never starts. Work of a
   * higher `priority` goes first; without one it is 0.
   */
  run<T>(
    work: () => Promise<T>,
    options: { readonly signal: AbortSignal; readonly priority?: number },
  ): Promise<T>;
}

export function createQueue(concurrency: number): Queue {
  const queue = new PQueue({ concurrency });
  return {
    run: (work, { signal, priority = 0 }) =>
      queue.add(
        () => {
          signal.throwIfAborted();
          return work();
        },
        { priority },
      ),
  };
}
