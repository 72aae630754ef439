import { onAbort } from './abort.ts';

/** Bounds how many things go on at once; those that wait are served in order. */
export interface Semaphore {
  /** Resolves with the function that gives the place back; it may be called again without effect. */
  acquire(signal: AbortSignal): Promise<() => void>;
  /** How many wait for a place. */
  waiting(): number;
  /** How many places there are. */
  size(): number;
  /** How many are taken. */
  taken(): number;
  /** Adds a place. */
  widen(): void;
}

export function createSemaphore(places: number): Semaphore {
  let free = places;
  let size = places;
  const waiting = new Set<() => void>();

  function lend(): () => void {
    let lent = true;
    return () => {
      if (!lent) return;
      lent = false;
      giveBack();
    };
  }

  function giveBack(): void {
    const [next] = waiting;
    if (next === undefined) free += 1;
    else next();
  }

  return {
    waiting: () => waiting.size,
    size: () => size,
    taken: () => size - free,
    widen() {
      size += 1;
      giveBack();
    },

    async acquire(signal) {
      signal.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return lend();
      }
      return await new Promise<() => void>((resolve, reject) => {
        function serve(): void {
          waiting.delete(serve);
          stopListening();
          resolve(lend());
        }
        const stopListening = onAbort(signal, () => {
          waiting.delete(serve);
          reject(signal.reason as Error);
        });
        waiting.add(serve);
      });
    },
  };
}
