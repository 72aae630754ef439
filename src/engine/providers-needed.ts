import type { DeploymentState } from '../state/deployment-state.ts';
import { providersOf } from '../state/deployment-state.ts';

/** The providers of the plan, and of the instances that there are or may be. */
export function providersNeeded(state: DeploymentState): ReadonlySet<string> {
  const services = (state.plan?.levels ?? []).flatMap((level) => level.services);
  const planned = services.filter(({ max }) => max > 0).map(({ provider }) => provider);
  return new Set([...planned, ...providersOf(state)]);
}
