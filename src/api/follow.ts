import { systemClock } from '../clock.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { isBroken } from './status.ts';

/** Milliseconds between two looks. */
const INTERVAL = 250;

export interface FollowOptions {
  /** Go on until the operation that is under way has ended, or its process is gone. Default: false. */
  readonly follow?: boolean | undefined;
  /** Ends the iteration with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Yields what `look` finds now and, with `follow`, again and again until the deployment's operation is over. */
export async function* follow<T>(
  {
    store,
    state,
    follow: goesOn = false,
    signal,
  }: FollowOptions & {
    readonly store: Pick<Store, 'load' | 'holder'>;
    readonly state: DeploymentState;
    readonly signal: AbortSignal;
  },
  look: () => AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<T, void, undefined> {
  let current: DeploymentState | null = state;
  for (;;) {
    signal.throwIfAborted();
    const operation = current?.operation ?? null;
    // What is recorded before the end of an operation, or of its process, is seen by the look that comes after it.
    const last = !goesOn || operation === null || operation.endedAt !== null;
    const broken = !last && current !== null && (await isBroken(store, current));
    yield* look();
    if (last || broken) return;
    await systemClock.sleep(INTERVAL, { signal });
    current = await store.load(state.name);
  }
}
