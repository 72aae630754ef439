import { childSignal } from '../child-signal.ts';
import type { Clock } from '../clock.ts';
import { spellDuration } from '../duration.ts';

/** A limit of time for one piece of work; dispose it when the work is over. */
export interface Limit extends Disposable {
  /** Aborts with the given signal, and when the time is over. */
  readonly signal: AbortSignal;
  /** True when it was the time. */
  expired(): boolean;
}

interface Timed {
  readonly wiring: { readonly clock: Pick<Clock, 'after'> };
}

export function within(
  milliseconds: number,
  { wiring: { clock } }: Timed,
  { signal }: { readonly signal: AbortSignal },
): Limit {
  const child = childSignal(signal);
  let isExpired = false;
  const cancel = clock.after(Math.max(0, milliseconds), () => {
    if (child.signal.aborted) return;
    isExpired = true;
    child.abort(new Error(`The limit of ${spellDuration(milliseconds)} is over`));
  });
  return {
    signal: child.signal,
    expired: () => isExpired,
    [Symbol.dispose]() {
      cancel();
      child[Symbol.dispose]();
    },
  };
}
