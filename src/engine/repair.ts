import { UsageError } from '../errors.ts';
import { applyOverrides } from './overrides.ts';
import type { OperationResult, RepairRequest, Wiring } from './operation.ts';
import { endedAlone } from './plan-record.ts';
import { runOperation } from './run-operation.ts';
import { refuseTerminated } from './terminated.ts';
import { bringUp } from './up.ts';

/**
 * Looks at every machine, level by level: asks its provider, connects, verifies; heals by the least that works what
 * does not pass, then those that depended on it. A machine that verifies is not touched. Rejects as `up` does, and with
 * `UsageError` when the deployment is terminated.
 */
export async function repair(
  wiring: Wiring,
  { plan: kept, readPlan }: RepairRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  const holder = { owner: wiring.owner, operation: 'repair' } as const;
  await using lock = await wiring.store.lock(kept.deployment, holder, {
    timeout: wiring.lockTimeout,
    signal,
  });
  const state = await wiring.store.load(kept.deployment);
  if (state === null) throw new UsageError(`There is no deployment "${kept.deployment}"`);
  refuseTerminated('repair', state);
  const plan = applyOverrides(kept, state.overrides);
  const start = { kind: 'repair', state, plan, readPlan, skipTeardown: false, signal } as const;
  return await runOperation(wiring, start, async (running) => {
    await running.journal.commit(endedAlone(state, plan));
    return await bringUp(running, plan);
  });
}
