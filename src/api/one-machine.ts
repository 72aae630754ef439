import { UsageError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { select } from './select.ts';

/** The machine that a term means. Throws `UsageError` unless it is exactly one. */
export function oneMachine(state: DeploymentState, term: string): Machine {
  const names = select(term, state);
  const machine = names.length === 1 ? state.machines.get(names[0] ?? '') : undefined;
  if (names.length === 0)
    throw new UsageError(
      `Cannot choose a machine: no machine of "${state.name}" is there`,
      'Run "plan up PLAN" to bring it up.',
    );
  if (machine === undefined)
    throw new UsageError(
      `Cannot choose a machine: "${term}" means ${names.map((name) => `"${name}"`).join(', ')}`,
      'Name one of them.',
    );
  return machine;
}
