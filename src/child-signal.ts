/** Cancels one piece of work: when its parent is cancelled, or alone. Dispose it when the work is over. */
export interface ChildSignal extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/** The living children of each signal, which listens once for all of them. */
const families = new WeakMap<AbortSignal, Set<AbortController>>();

/**
 * A signal of its own for one piece of work. Unlike `AbortSignal.any` and a listener for each piece it costs the same
 * however many siblings there are: ten thousand steps hang on one operation's signal.
 */
export function childSignal(parent: AbortSignal): ChildSignal {
  const controller = new AbortController();
  if (parent.aborted) controller.abort(parent.reason);
  const family = families.get(parent) ?? found(parent);
  family.add(controller);
  return {
    signal: controller.signal,
    abort(reason) {
      controller.abort(reason);
    },
    [Symbol.dispose]() {
      family.delete(controller);
    },
  };
}

function found(parent: AbortSignal): Set<AbortController> {
  const family = new Set<AbortController>();
  families.set(parent, family);
  const abortAll = (): void => {
    for (const controller of family) controller.abort(parent.reason);
    family.clear();
  };
  parent.addEventListener('abort', abortAll, { once: true });
  return family;
}
