import type { Cancel } from './provider.ts';

/** A method as the port promises it: it rejects with the signal's reason at once, and with errors as `told` makes them. */
export function portMethod<Arguments extends readonly unknown[], Answer>(
  method: (...all: readonly [...Arguments, Cancel]) => Promise<Answer>,
  told: (error: unknown) => unknown,
): (...all: readonly [...Arguments, Cancel]) => Promise<Answer> {
  return async (...all) => {
    const cancel = all.at(-1) as Cancel;
    cancel.signal.throwIfAborted();
    try {
      return await method(...all);
    } catch (error) {
      cancel.signal.throwIfAborted();
      throw told(error);
    }
  };
}
