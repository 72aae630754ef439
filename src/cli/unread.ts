import type { Output } from './io.ts';

/** As shells say it of a program that nobody reads any more. */
export const UNREAD = 141;

/** Aborts when whoever reads an output has gone, as in `plan exec web -- yes | head -1`. */
export function watchUnread(output: Output): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const onError = (): void => controller.abort();
  output.on('error', onError);
  return { signal: controller.signal, [Symbol.dispose]: () => void output.off('error', onError) };
}
