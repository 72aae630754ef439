import { systemClock } from '../clock.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { exitCodeOf } from './io.ts';
import { watchStop } from './stopping.ts';

/** Milliseconds between two looks. */
const INTERVAL = 250;

/**
 * Calls `look` now and, with `follow`, again and again until the deployment's operation has ended. Answers the exit
 * code: that of the signal that ended it, else 0.
 */
export async function follow(
  { io }: Context,
  {
    store,
    state,
    follow: goesOn,
  }: { readonly store: Store; readonly state: DeploymentState; readonly follow: boolean },
  look: () => Promise<void> | void,
): Promise<number> {
  using stopping = watchStop(io);
  let current: DeploymentState | null = state;
  for (;;) {
    // What is recorded before the end of an operation is seen by the look that comes after it.
    const last = !goesOn || current?.operation == null || current.operation.endedAt !== null;
    await look();
    if (last) return 0;
    try {
      await systemClock.sleep(INTERVAL, { signal: stopping.signal });
    } catch (error) {
      if (stopping.received === null) throw error;
      return exitCodeOf(stopping.received);
    }
    current = await store.load(state.name);
  }
}
