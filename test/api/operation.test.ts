import { describe, expect, it } from 'vitest';
import type { Operation, OperationEvent, OperationTools } from '../../src/api/operation.ts';
import { startOperation } from '../../src/api/operation.ts';
import { createWork } from '../../src/api/work.ts';
import { LockedError } from '../../src/errors.ts';
import { emptyState } from '../../src/state/deployment-state.ts';

const STATE = emptyState({ name: 'shop', uuid: 'u-1', at: 0 });

function warning(message: string): OperationEvent {
  return { type: 'warning', message };
}

async function messages(operation: Operation<unknown>): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const event of operation) if (event.type === 'warning') found.push(event.message);
  return found;
}

/** Tells so many events, one a turn of the event loop, and then answers. */
async function count(to: number, { emit, signal }: OperationTools): Promise<number> {
  for (let i = 1; i <= to; i += 1) {
    emit(warning(String(i)), STATE);
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
  return to;
}

/** Waits until it is cancelled, and rejects with the reason. */
function untilCancelled({ signal }: OperationTools): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
  });
}

describe('an operation', () => {
  it('yields its events in order while it runs, and resolves', async () => {
    const operation = startOperation((tools) => count(3, tools));
    expect(await messages(operation)).toEqual(['1', '2', '3']);
    expect(await operation).toBe(3);
    expect(await operation.result).toBe(3);
  });

  it('yields what happened to whoever begins to iterate after its end', async () => {
    const operation = startOperation((tools) => count(2, tools));
    await operation;
    expect(await messages(operation)).toEqual(['1', '2']);
    expect(await messages(operation)).toEqual(['1', '2']);
  });

  it('yields everything to each of two iterators, also when one of them ends early', async () => {
    const operation = startOperation((tools) => count(50, tools));
    const early = (async () => {
      for await (const event of operation) return event;
      return undefined;
    })();
    const [first, all] = await Promise.all([early, messages(operation)]);
    expect(first).toEqual(warning('1'));
    expect(all).toEqual(Array.from({ length: 50 }, (_, i) => String(i + 1)));
  });

  it('tells its listener each event at once, with the state', async () => {
    const told: unknown[] = [];
    const operation = startOperation(
      async (tools) => {
        tools.emit(warning('now'), STATE);
        told.push('told');
        await Promise.resolve();
      },
      { onEvent: (event, state) => told.push(event, state) },
    );
    await operation;
    expect(told).toEqual([warning('now'), STATE, 'told']);
  });

  it('is cancelled with a reason, by itself or by a signal, before or after its beginning', async () => {
    const reason = new Error('enough');
    const operation = startOperation(untilCancelled);
    operation.cancel(reason);
    await expect(operation).rejects.toBe(reason);
    const controller = new AbortController();
    const signalled = startOperation(untilCancelled, { signal: controller.signal });
    controller.abort(reason);
    await expect(signalled.result).rejects.toBe(reason);
    await expect(startOperation(untilCancelled, { signal: controller.signal })).rejects.toBe(reason);
    expect(await messages(signalled)).toEqual([]);
  });

  it('stays as it ended when it is cancelled afterwards', async () => {
    const operation = startOperation((tools) => count(1, tools));
    await operation;
    operation.cancel();
    expect(await operation).toBe(1);
  });

  it('rejects with what its work rejects with, and ends iterations without it', async () => {
    const operation = startOperation(async ({ emit }) => {
      emit(warning('before'), STATE);
      await Promise.resolve();
      throw new LockedError('Cannot lock "shop": it is locked');
    });
    expect(await messages(operation)).toEqual(['before']);
    await expect(operation.result).rejects.toBeInstanceOf(LockedError);
    expect(await operation.then(undefined, (error: unknown) => (error as LockedError).exitCode)).toBe(3);
  });

  it('leaves no unhandled rejection when nobody waits for it', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      startOperation(() => Promise.reject(new LockedError('nobody hears this')));
      await using work = createWork();
      work.start(() => Promise.reject(new LockedError('nor this')), {});
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  });

  it('is cancelled by a listener that throws, and rejects with that', async () => {
    const thrown = new Error('a listener with a bug');
    let calls = 0;
    const operation = startOperation((tools) => count(5, tools), {
      onEvent() {
        calls += 1;
        throw thrown;
      },
    });
    await expect(operation).rejects.toBe(thrown);
    expect(calls).toBe(1);
  });
});

describe('the work of an open state', () => {
  it('ends with it: operations are cancelled and waited for, signals aborted', async () => {
    const work = createWork();
    const ends: string[] = [];
    const operation = work.start(async (tools) => {
      await untilCancelled(tools).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      ends.push('operation');
    }, {});
    const own = new AbortController();
    const signals = [work.signal({}), work.signal({ signal: own.signal })];
    await work[Symbol.asyncDispose]();
    ends.push('work');
    expect(ends).toEqual(['operation', 'work']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    await operation;
    await expect(work.start(() => Promise.resolve(1), {})).rejects.toThrow();
  });
});
