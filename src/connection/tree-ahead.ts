/** Files up to this size are read and written several at a time. */
export const SMALL = 16 * 1024;

/** How many small files are on their way at a time. */
const AHEAD = 16;

/**
 * What work makes of items, in their order. Of items that are small, several are worked on at a time; of others `null`
 * is handed out when it is their turn.
 */
export async function* ahead<T, R>(
  items: readonly T[],
  isSmall: (item: T) => boolean,
  work: (item: T) => Promise<R>,
): AsyncGenerator<readonly [T, R | null]> {
  const begun: Promise<R | null>[] = [];
  let next = 0;
  for (const item of items) {
    for (; next < items.length && begun.length < AHEAD; next += 1) {
      const coming = items[next];
      if (coming === undefined) break;
      const working = isSmall(coming) ? work(coming) : Promise.resolve(null);
      working.catch(() => undefined);
      begun.push(working);
    }
    yield [item, (await begun.shift()) ?? null];
  }
}

/** Work of which several parts go on at a time. */
export interface Crowd {
  /** Begins a part, when there is room. Rejects with what a part before did. */
  add(part: () => Promise<void>): Promise<void>;
  /** Resolves when all parts are done; rejects with what the first of them did. */
  done(): Promise<void>;
}

export function createCrowd(): Crowd {
  const going = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;

  async function run(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      failed ??= { error };
    }
  }
  function check(): void {
    if (failed !== undefined) throw failed.error;
  }

  return {
    async add(part) {
      while (going.size >= AHEAD) await Promise.race(going);
      check();
      const running = run(part).finally(() => going.delete(running));
      going.add(running);
    },
    async done() {
      await Promise.all(going);
      check();
    },
  };
}
