import { ConnectionError } from '../../connection/connection.ts';
import { spellDuration } from '../../duration.ts';
import type { Machine } from '../../machine.ts';
import { machineState } from '../../state/machine-state.ts';

/** Milliseconds that reaching a machine may take. */
export const CONNECT_LIMIT = 30_000;

/** Said of a machine that does not answer in time. */
export function unanswered(machine: string, limit: number): ConnectionError {
  return new ConnectionError(
    'unreachable',
    `Cannot reach "${machine}": no answer within ${spellDuration(limit)}`,
  );
}

/** Said of a machine that nobody needs to try. */
export function notThere(machine: Machine): ConnectionError {
  return new ConnectionError('unreachable', `Cannot reach "${machine.name}": it is ${machineState(machine)}`);
}

/** Somebody else may have its address by now. */
export function isDown(machine: Machine): boolean {
  const state = machineState(machine);
  return state === 'stopped' || state === 'terminated';
}
