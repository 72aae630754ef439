import type { DeploymentState } from '../state/deployment-state.ts';

/** Names of the machines that are there, or may be: what a `down` terminates. */
export function machinesThere(state: DeploymentState): readonly string[] {
  return [...state.machines.values()]
    .filter(({ stage }) => stage !== 'none' && stage !== 'gone')
    .map(({ name }) => name);
}
