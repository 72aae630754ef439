import type { Queue } from '../../queue.ts';
import type { Cancel } from './context.ts';

/**
 * Has one call made for all that is asked for at the same queue within a turn of the event loop. The call is cancelled
 * when all who wait for it are; one of several who is cancelled only ceases to wait.
 */
export type Gather<Item, Answer> = (
  queue: Queue,
  item: Item,
  call: (items: readonly Item[], cancel: Cancel) => Promise<Answer>,
  cancel: Cancel,
) => Promise<Answer>;

interface Asker<Item, Answer> {
  readonly item: Item;
  readonly signal: AbortSignal;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

export function createGather<Item, Answer>(): Gather<Item, Answer> {
  const waiting = new WeakMap<Queue, Asker<Item, Answer>[]>();

  return (queue, item, call, { signal }) =>
    new Promise<Answer>((resolve, reject) => {
      const asker = { item, signal, resolve, reject };
      const known = waiting.get(queue);
      if (known !== undefined) {
        known.push(asker);
        return;
      }
      const askers = [asker];
      waiting.set(queue, askers);
      setImmediate(() => {
        waiting.delete(queue);
        void ask(queue, askers, call);
      });
    });
}

async function ask<Item, Answer>(
  queue: Queue,
  askers: readonly Asker<Item, Answer>[],
  call: (items: readonly Item[], cancel: Cancel) => Promise<Answer>,
): Promise<void> {
  const alive = askers.filter(({ signal }) => !signal.aborted);
  for (const { signal, reject } of askers) if (signal.aborted) reject(signal.reason);
  if (alive.length === 0) return;
  const all = new AbortController();
  const bySignal = new Map<AbortSignal, Asker<Item, Answer>[]>();
  for (const asker of alive) {
    const group = bySignal.get(asker.signal);
    if (group === undefined) bySignal.set(asker.signal, [asker]);
    else group.push(asker);
  }
  const listeners: (() => void)[] = [];
  let left = bySignal.size;
  for (const [signal, group] of bySignal) {
    const onAbort = (): void => {
      left -= 1;
      if (left === 0) all.abort(signal.reason);
      else for (const { reject } of group) reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    listeners.push(() => {
      signal.removeEventListener('abort', onAbort);
    });
  }
  const cancel = { signal: all.signal };
  try {
    const items = alive.map(({ item }) => item);
    const answer = await queue.run(() => call(items, cancel), cancel);
    for (const { resolve } of alive) resolve(answer);
  } catch (error) {
    for (const { reject } of alive) reject(error);
  } finally {
    for (const remove of listeners) remove();
  }
}
