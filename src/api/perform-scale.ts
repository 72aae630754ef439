import type { Forecast } from '../engine/difference.ts';
import type { OperationResult, ScaleChange } from '../engine/operation.ts';
import { refuseScale, scale, scaledOverrides } from '../engine/scale.ts';
import { withStore } from './deployments.ts';
import { foretell } from './foretell.ts';
import type { InputOptions } from './given-inputs.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { livePlan, planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

export type { ScaleChange } from '../engine/operation.ts';

export interface ScaleOptions extends InputOptions {
  /** Terminate and replace machines of protected services too. Default: false. */
  readonly forceProtected?: boolean | undefined;
}

/** What a `scale` is about. */
export interface ScaleTarget {
  readonly live: LivePlan;
  readonly changes: readonly ScaleChange[];
  readonly forecast: Forecast;
  readonly options: ScaleOptions;
}

/** Reads what it takes to bring services to other numbers of machines. Rejects with `UsageError`. */
export async function scaleTarget(
  session: Session,
  name: string,
  changes: readonly ScaleChange[],
  options: ScaleOptions,
): Promise<ScaleTarget> {
  return await withStore(session.directory, async (store) => {
    const live = await livePlan(session, store, name, options);
    const { plan, inputs } = live;
    const overrides = scaledOverrides(plan, live.state.overrides, changes);
    const state = { ...live.state, overrides };
    refuseScale(plan, state, {
      forceProtected: options.forceProtected,
      fingerprint: (text) => store.fingerprint(text, live.state.uuid),
    });
    return { live, changes, forecast: await foretell(store, { plan, state, inputs }), options };
  });
}

/** Brings services to other numbers of machines. Rejects as the engine's `scale` does. */
export async function performScale(
  session: Session,
  { live: { plan, state, inputs }, changes, options: { forceProtected } }: ScaleTarget,
  tools: OperationTools,
): Promise<OperationResult> {
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, plan.deployment, inputs);
    return scale(wiring, { plan, basis: state.plan, changes, forceProtected, readPlan }, tools);
  });
}
