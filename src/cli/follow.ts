import { systemClock } from '../clock.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { exitCodeOf } from './io.ts';
import { watchStop } from './stopping.ts';

/** Milliseconds between two looks. */
const INTERVAL = 250;

/**
 * Calls `look` now and, with `follow`, again and again until the deployment's operation has ended or its process is
 * gone. Answers the exit code: that of the signal that ended it, else 0.
 */
export async function follow(
  context: Context,
  {
    store,
    state,
    follow: goesOn,
  }: { readonly store: Store; readonly state: DeploymentState; readonly follow: boolean },
  look: () => Promise<void> | void,
): Promise<number> {
  using stopping = watchStop(context.io);
  let current: DeploymentState | null = state;
  for (;;) {
    const operation = current?.operation ?? null;
    // What is recorded before the end of an operation, or of its process, is seen by the look that comes after it.
    const last = !goesOn || operation === null || operation.endedAt !== null;
    const broken = !last && current !== null && (await isBroken(store, current));
    await look();
    if (last) return 0;
    if (broken) {
      tell(context, `The ${operation.kind} by ${operation.owner} broke off: its process is gone.`);
      return 0;
    }
    try {
      await systemClock.sleep(INTERVAL, { signal: stopping.signal });
    } catch (error) {
      if (stopping.received === null) throw error;
      return exitCodeOf(stopping.received);
    }
    current = await store.load(state.name);
  }
}

/** True when the operation is recorded as under way and its process is gone. */
export async function isBroken(store: Store, state: DeploymentState): Promise<boolean> {
  const { operation } = state;
  if (operation === null || operation.endedAt !== null) return false;
  const holder = await store.holder(state.name);
  if (holder !== null && holder.presence !== 'gone') return false;
  // It may have ended between the two looks.
  const now = (await store.load(state.name))?.operation;
  return now?.id === operation.id && now.endedAt === null;
}
