import type { OperationResult } from '../engine/operation.ts';
import { repair } from '../engine/repair.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

/** Looks at every machine and heals what does not verify. Rejects as the engine's `repair` does. */
export async function performRepair(
  session: Session,
  { plan, state, inputs }: LivePlan,
  tools: OperationTools,
): Promise<OperationResult> {
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, plan.deployment, inputs);
    return repair(wiring, { plan, basis: state.plan, readPlan }, tools);
  });
}
