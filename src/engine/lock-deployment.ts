import { UsageError } from '../errors.ts';
import type { OperationKind } from '../fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Wiring } from './operation.ts';

/** A deployment that nobody else changes until this is disposed of. */
export interface LockedDeployment extends AsyncDisposable {
  readonly state: DeploymentState;
}

/**
 * Takes the lock of a deployment and reads it. Rejects with `LockedError`, `StateError`, `UsageError` when there is no
 * such deployment, and with the reason of the signal.
 */
export async function lockDeployment(
  { store, owner, lockTimeout: timeout }: Pick<Wiring, 'store' | 'owner' | 'lockTimeout'>,
  deployment: string,
  operation: OperationKind,
  { signal }: { readonly signal: AbortSignal },
): Promise<LockedDeployment> {
  const lock = await store.lock(deployment, { owner, operation }, { timeout, signal });
  const release = async (): Promise<void> => await lock[Symbol.asyncDispose]();
  try {
    const state = await store.load(deployment);
    if (state === null) throw new UsageError(`There is no deployment "${deployment}"`);
    return { state, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
}
