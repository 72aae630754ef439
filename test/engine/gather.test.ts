import { describe, expect, it } from 'vitest';
import { createGather } from '../../src/engine/perform/gather.ts';
import { createQueue } from '../../src/queue.ts';

const forever = { signal: new AbortController().signal };

describe('gather()', () => {
  it('makes one call for a turn, and another for the next one and for another queue', async () => {
    const gather = createGather<number, string>();
    const calls: (readonly number[])[] = [];
    const call = (items: readonly number[]): Promise<string> => {
      calls.push(items);
      return Promise.resolve(items.join());
    };
    const queue = createQueue(1);
    const asked = [1, 2, 3].map((item) => gather(queue, item, call, forever));
    const elsewhere = gather(createQueue(1), 4, call, forever);
    expect(await Promise.all(asked)).toEqual(['1,2,3', '1,2,3', '1,2,3']);
    expect(await elsewhere).toBe('4');
    expect(await gather(queue, 5, call, forever)).toBe('5');
    expect(calls).toEqual([[1, 2, 3], [4], [5]]);
  });

  it('rejects all who asked with what went wrong', async () => {
    const gather = createGather<number, string>();
    const queue = createQueue(1);
    const call = (): Promise<string> => Promise.reject(new Error('no answer'));
    const asked = [1, 2].map((item) => gather(queue, item, call, forever));
    for (const one of asked) await expect(one).rejects.toThrow('no answer');
  });

  it('cancels the call when all who wait for it are cancelled, and none for one of them', async () => {
    const gather = createGather<number, string>();
    const queue = createQueue(1);
    const controllers = [1, 2, 3].map(() => new AbortController());
    const early = AbortSignal.abort(new Error('too early'));
    let given: readonly number[] = [];
    let shared: AbortSignal | undefined;
    const begun = new Promise<void>((begin) => {
      const call = (items: readonly number[], { signal }: { readonly signal: AbortSignal }) =>
        new Promise<string>((_, reject) => {
          given = items;
          shared = signal;
          signal.addEventListener('abort', () => reject(signal.reason as Error));
          begin();
        });
      asked = [...controllers.map(({ signal }) => signal), early].map((signal, item) =>
        gather(queue, item, call, { signal }).catch((error: unknown) => String(error)),
      );
    });
    await begun;
    expect(given).toEqual([0, 1, 2]);
    expect(await asked[3]).toBe('Error: too early');
    controllers[0]?.abort(new Error('first'));
    expect(await asked[0]).toBe('Error: first');
    controllers[2]?.abort(new Error('third'));
    expect(await asked[2]).toBe('Error: third');
    expect(shared?.aborted).toBe(false);
    controllers[1]?.abort(new Error('last'));
    expect(await asked[1]).toBe('Error: last');
    expect(shared?.aborted).toBe(true);
  });

  it('makes no call when all who asked are cancelled before', async () => {
    const gather = createGather<number, string>();
    const signal = AbortSignal.abort(new Error('enough'));
    const call = (): Promise<string> => Promise.reject(new Error('it was called'));
    await expect(gather(createQueue(1), 1, call, { signal })).rejects.toThrow('enough');
  });
});

let asked: readonly Promise<string>[] = [];
