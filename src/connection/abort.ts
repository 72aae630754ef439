import { setMaxListeners } from 'node:events';

/**
 * Calls `cancel` when the signal is aborted; the answer takes that back. One signal cancels any number of things
 * here, so Node's warning about many listeners is of no use.
 */
export function onAbort(signal: AbortSignal, cancel: () => void): () => void {
  setMaxListeners(0, signal);
  signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

/** Waits for something that others wait for too: aborting gives up waiting only. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const remove = onAbort(signal, () => reject(signal.reason as Error));
    promise.then(resolve, reject).finally(remove);
  });
}
