import type { OperationResult, ScaleChange } from '../engine/operation.ts';
import { scale } from '../engine/scale.ts';
import type { InputOptions } from './given-inputs.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

export type { ScaleChange } from '../engine/operation.ts';

export interface ScaleOptions extends InputOptions {
  /** Terminate and replace machines of protected services too. Default: false. */
  readonly forceProtected?: boolean | undefined;
}

/** Brings services to other numbers of machines. Rejects as the engine's `scale` does. */
export async function performScale(
  session: Session,
  { plan, inputs }: LivePlan,
  changes: readonly ScaleChange[],
  { forceProtected }: ScaleOptions,
  tools: OperationTools,
): Promise<OperationResult> {
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, plan.deployment, inputs);
    return scale(wiring, { plan, changes, forceProtected, readPlan }, tools);
  });
}
