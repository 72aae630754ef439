import type { Finding } from '../engine/inspect.ts';
import { inspect } from '../engine/inspect.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { LivePlan } from './recorded-plan.ts';
import { planReader } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { openWiring, orOperationError } from './wiring.ts';

export type { Finding } from '../engine/inspect.ts';

/** `limit`: milliseconds for each of asking, connecting and verifying. */
export interface LookOptions {
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Looks at every machine of a deployment, and changes nothing. Rejects with `OperationError`. */
export async function look(
  session: Session,
  store: Store,
  { state, plan, inputs }: LivePlan,
  { limit, signal }: LookOptions,
): Promise<readonly Finding[]> {
  return await orOperationError(async () => {
    await using wiring = openWiring(session, { store, observe: () => undefined });
    const readPlan = planReader(store, state.name, inputs);
    return await inspect(wiring, { plan, state, limit, readPlan }, { signal });
  });
}

/** The state as it was found: machines that did not pass count as failed, lost, or stopped. */
export function withFindings(state: DeploymentState, findings: readonly Finding[]): DeploymentState {
  const machines = new Map(state.machines);
  for (const { machine: name, failure } of findings) {
    const machine = machines.get(name);
    if (machine === undefined || failure === null) continue;
    if (failure.reason === 'stopped') machines.set(name, { ...machine, stage: 'stopped', gaveUp: false });
    else machines.set(name, { ...machine, failure, gaveUp: true });
  }
  return { ...state, machines };
}
