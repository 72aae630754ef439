import { UsageError } from '../errors.ts';
import type { OperationKind } from '../fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { PlanBasis, Wiring } from './operation.ts';

/** A deployment that nobody else changes until this is disposed of. */
export interface LockedDeployment extends AsyncDisposable {
  readonly state: DeploymentState;
}

/**
 * Takes the lock of a deployment and reads it. Rejects with `LockedError`, `StateError`, `UsageError` when there is no
 * such deployment or another plan is recorded than the one that it is to be worked by, and with the signal's reason.
 */
export async function lockDeployment(
  { store, owner, lockTimeout: timeout }: Pick<Wiring, 'store' | 'owner' | 'lockTimeout'>,
  deployment: string,
  operation: OperationKind,
  { signal, basis }: { readonly signal: AbortSignal; readonly basis?: PlanBasis | null | undefined },
): Promise<LockedDeployment> {
  const lock = await store.lock(deployment, { owner, operation }, { timeout, signal });
  const release = async (): Promise<void> => await lock[Symbol.asyncDispose]();
  try {
    const state = await store.load(deployment);
    if (state === null) throw new UsageError(`There is no deployment "${deployment}"`);
    if (basis != null && state.plan !== null && isOther(basis, state.plan))
      throw new UsageError(
        `Cannot ${operation} "${deployment}": it was brought to another plan, or other inputs, in the meantime`,
        'Do it again: it is done by these then.',
      );
    return { state, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
}

function isOther(basis: PlanBasis, { archive, inputs }: PlanBasis): boolean {
  return basis.archive !== archive || JSON.stringify(basis.inputs) !== JSON.stringify(inputs);
}
