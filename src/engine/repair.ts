import { applyOverrides } from './overrides.ts';
import type { OperationResult, RepairRequest, Wiring } from './operation.ts';
import { endedAlone } from './plan-record.ts';
import { lockDeployment } from './lock-deployment.ts';
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
  { plan: kept, basis, readPlan }: RepairRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  await using locked = await lockDeployment(wiring, kept.deployment, 'repair', { signal, basis });
  const { state } = locked;
  refuseTerminated('repair', state);
  const plan = applyOverrides(kept, state.overrides);
  const start = { kind: 'repair', state, plan, readPlan, skipTeardown: false, signal } as const;
  return await runOperation(wiring, start, async (running) => {
    await running.journal.commit(endedAlone(state, plan));
    return await bringUp(running, plan);
  });
}
