/** One signal for work that several wait for. Dispose it when the work is over. */
export interface JointSignal extends Disposable {
  /** Aborts when each of the signals has, with the reason of the last one. */
  readonly signal: AbortSignal;
}

/** `onAbort`: told of each signal that aborts while another one has not. */
export function jointSignal(
  signals: Iterable<AbortSignal>,
  onAbort: (signal: AbortSignal) => void = () => undefined,
): JointSignal {
  const joint = new AbortController();
  const all = new Set(signals);
  const listeners: (() => void)[] = [];
  let left = all.size;
  for (const signal of all) {
    const leave = (): void => {
      left -= 1;
      if (left === 0) joint.abort(signal.reason);
      else onAbort(signal);
    };
    if (signal.aborted) leave();
    else {
      signal.addEventListener('abort', leave, { once: true });
      listeners.push(() => {
        signal.removeEventListener('abort', leave);
      });
    }
  }
  return {
    signal: joint.signal,
    [Symbol.dispose]() {
      for (const remove of listeners) remove();
    },
  };
}
