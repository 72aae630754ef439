import type { Operation, OperationEvent, OperationOptions, OperationTools } from './operation.ts';
import { startOperation } from './operation.ts';

/** What goes on in an open state: all of it ends with the state. */
export interface Work extends AsyncDisposable {
  /** Begins an operation. */
  start<R, E = OperationEvent>(
    work: (tools: OperationTools<E>) => Promise<R>,
    options: OperationOptions<E>,
  ): Operation<R, E>;
  /** A signal for what is not an operation. */
  signal(of: { readonly signal?: AbortSignal | undefined }): AbortSignal;
}

export function createWork(): Work {
  const closing = new AbortController();
  const running = new Set<Operation<unknown, unknown>>();
  return {
    start(work, options) {
      const operation = startOperation((tools) => {
        closing.signal.throwIfAborted();
        return work(tools);
      }, options);
      running.add(operation);
      const forget = (): void => void running.delete(operation);
      operation.then(forget, forget);
      return operation;
    },
    signal: ({ signal }) =>
      signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]),
    async [Symbol.asyncDispose]() {
      closing.abort();
      for (const operation of running) operation.cancel(closing.signal.reason);
      await Promise.allSettled([...running].map(({ result }) => result));
    },
  };
}
