import type { Queue } from '../../queue.ts';
import { jointSignal } from '../joint-signal.ts';
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
  using joint = jointSignal(
    alive.map(({ signal }) => signal),
    (aborted) => {
      for (const { signal, reject } of alive) if (signal === aborted) reject(signal.reason);
    },
  );
  try {
    const items = alive.map(({ item }) => item);
    const answer = await queue.run(() => call(items, joint), joint);
    for (const { resolve } of alive) resolve(answer);
  } catch (error) {
    for (const { reject } of alive) reject(error);
  }
}
