import type { DeploymentState } from '../state/deployment-state.ts';

/** The time of a deployment is over. `now`: epoch milliseconds. */
export function isOver({ expiresAt }: Pick<DeploymentState, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}
