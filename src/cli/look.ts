import type { Finding } from '../engine/inspect.ts';
import { inspect } from '../engine/inspect.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { planReader } from './recorded-plan.ts';
import { watchStop } from './stopping.ts';
import { withWiring } from './wiring.ts';

export interface LookRequest {
  readonly store: Store;
  readonly stateDirectory: string;
  readonly state: DeploymentState;
  readonly plan: Plan;
  /** Milliseconds for each of asking, connecting and verifying. */
  readonly limit: number;
}

/** Looks at every machine of a deployment, and changes nothing. */
export async function look(
  context: Context,
  { store, stateDirectory, state, plan, limit }: LookRequest,
): Promise<readonly Finding[]> {
  using stopping = watchStop(context.io);
  const parts = { store, stateDirectory, flags: context.flags, observe: () => undefined };
  return await withWiring(parts, (wiring) =>
    inspect(
      wiring,
      { plan, state, limit, readPlan: planReader(context, store, state.name) },
      { signal: stopping.signal },
    ),
  );
}

/** The state as it was found: machines that did not pass count as failed, or lost. */
export function withFindings(state: DeploymentState, findings: readonly Finding[]): DeploymentState {
  const machines = new Map(state.machines);
  for (const { machine: name, failure } of findings) {
    const machine = machines.get(name);
    if (machine !== undefined && failure !== null) machines.set(name, { ...machine, failure, gaveUp: true });
  }
  return { ...state, machines };
}
