import type { EngineEvent } from '../engine/operation.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

export type { OperationResult } from '../engine/operation.ts';

/** What happens in an operation: a recorded fact, a step that begins, what a script prints, a warning, API calls. */
export type OperationEvent = EngineEvent;

export interface OperationOptions<E = OperationEvent> {
  /** Cancels the operation when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told every event as it happens, in order, with the deployment's state at that moment, which is live: read, not
   * kept. When it throws, the operation is cancelled and rejects with that.
   */
  readonly onEvent?: ((event: E, state: DeploymentState) => void) | undefined;
}

/**
 * Work that goes on: its events as they come, and its end. It has begun when it is handed out, and goes on whether or
 * not anybody waits for it. Iterating yields every event from the first one on, also when it begins late or after the
 * end, and ends with the operation; how it ended is told by `result` alone, which `await` of the operation itself
 * waits for, too. An operation that nobody waits for leaves no unhandled rejection.
 */
export interface Operation<R, E = OperationEvent> extends AsyncIterable<E>, PromiseLike<R> {
  /**
   * Rejects with `LockedError`, `StateError`, `UsageError` or `OperationError` when the operation could not begin or
   * broke off. One that was cancelled resolves with outcome `interrupted`, or rejects with the reason when nothing had
   * begun.
   */
  readonly result: Promise<R>;
  /** Interrupts it: what runs on machines goes on there, and is found again by the next operation. */
  cancel(reason?: unknown): void;
}

/** What the work of an operation is given. */
export interface OperationTools<E = OperationEvent> {
  readonly signal: AbortSignal;
  emit(event: E, state: DeploymentState): void;
}

/** Begins the work of an operation. */
export function startOperation<R, E = OperationEvent>(
  work: (tools: OperationTools<E>) => Promise<R>,
  { signal, onEvent }: OperationOptions<E> = {},
): Operation<R, E> {
  const controller = new AbortController();
  const events: E[] = [];
  let waiting: (() => void)[] = [];
  let ended = false;
  let thrown: { readonly error: unknown } | undefined;

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const one of woken) one();
  }

  function emit(event: E, state: DeploymentState): void {
    try {
      if (thrown === undefined) onEvent?.(event, state);
    } catch (error) {
      thrown = { error };
      controller.abort(error);
    }
    events.push(event);
    wake();
  }

  async function run(): Promise<R> {
    const onAbort = (): void => {
      controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await explained(work({ signal: controller.signal, emit }));
    } finally {
      signal?.removeEventListener('abort', onAbort);
      ended = true;
      wake();
    }
  }

  /** What a listener threw explains what the work made of being cancelled. */
  async function explained(working: Promise<R>): Promise<R> {
    const [end] = await Promise.allSettled([working]);
    if (thrown !== undefined) throw thrown.error;
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  }

  async function* iterate(): AsyncGenerator<E, void, undefined> {
    for (let next = 0; ;) {
      const event = events[next];
      if (event !== undefined) {
        next += 1;
        yield event;
      } else if (ended) return;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  const result = run();
  result.catch(() => undefined);
  return {
    result,
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
    cancel: (reason) => {
      controller.abort(reason);
    },
    [Symbol.asyncIterator]: iterate,
  };
}
