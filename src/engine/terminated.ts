import { UsageError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** Throws `UsageError` for a deployment that had machines, and has none any more. */
export function refuseTerminated(
  verb: 'repair' | 'scale',
  { name, machines }: Pick<DeploymentState, 'name' | 'machines'>,
): void {
  const wanted = [...machines.values()].filter((machine) => machine.wanted);
  if (wanted.length === 0 || wanted.some(({ stage }) => stage !== 'gone')) return;
  throw new UsageError(`Cannot ${verb} "${name}": it is terminated`, HINTS[verb]);
}

const HINTS = {
  repair: 'Run "plan up PLAN" to bring it up again.',
  scale: 'Bring it up first, or change the number of machines in its plan.',
} as const;
