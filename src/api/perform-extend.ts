import { extend } from '../engine/expiry.ts';
import type { Extension, OperationResult } from '../engine/operation.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { mustLast } from './lifetime.ts';
import { withWiring } from './wiring.ts';

export type { Extension } from '../engine/operation.ts';

/** Sets when a deployment is over, and tells its machines. Rejects as the engine's `extend` does. */
export async function performExtend(
  session: Session,
  { state, plan, inputs }: LivePlan,
  extension: Extension,
  tools: OperationTools,
): Promise<OperationResult> {
  if (extension.kind !== 'never') mustLast(extension.milliseconds);
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, state.name, inputs);
    return extend(wiring, { plan, extension, readPlan }, tools);
  });
}
