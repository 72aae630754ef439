import type { Machine, MachineState } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { machineState } from '../state/machine-state.ts';
import { openLevel } from '../state/tally.ts';

/** What machines can be waited for to be. */
export const WAIT_GOALS = ['ready', 'stopped', 'terminated', 'failed'] as const;
export type WaitGoal = (typeof WAIT_GOALS)[number];

/** How far a machine is that is waited for. */
export interface AwaitedMachine {
  readonly name: string;
  /** `terminated` for one that is not recorded any more. */
  readonly state: MachineState;
  readonly isThere: boolean;
}

/** These machines; null: all that the plan asks for or that are left, and for `terminated` those that are gone. */
export function awaitedMachines(
  state: DeploymentState,
  names: readonly string[] | null,
  goal: WaitGoal,
): readonly AwaitedMachine[] {
  const chosen = names ?? [...state.machines.values()].filter(isMeant).map(({ name }) => name);
  return chosen.map((name) => {
    const machine = state.machines.get(name);
    const now = machine === undefined ? 'terminated' : machineState(machine);
    return { name, state: now, isThere: isAt(now, goal) };
  });

  function isMeant({ wanted, stage }: Machine): boolean {
    return wanted || (stage !== 'gone' && stage !== 'none');
  }
}

function isAt(state: MachineState, goal: WaitGoal): boolean {
  return goal === 'failed' ? state === 'failed' || state === 'lost' : state === goal;
}

/**
 * True when all of them are there, or one has failed where failures are waited for. A deployment as a whole is ready as
 * an `up` means it: with at least the fewest machines of each service, and none on its way.
 */
export function isReached(
  goal: WaitGoal,
  machines: readonly AwaitedMachine[],
  { state, isWhole }: { readonly state: DeploymentState; readonly isWhole: boolean },
): boolean {
  if (goal === 'failed') return machines.some(({ isThere }) => isThere);
  if (!isWhole) return machines.every(({ isThere }) => isThere);
  if (goal === 'ready')
    return state.plan !== null && openLevel(state.tallies) === state.tallies.levels.length;
  if (goal === 'terminated') return state.instances.size + state.batches.size === 0 && all();
  return machines.length > 0 && all();

  function all(): boolean {
    return machines.every(({ isThere }) => isThere);
  }
}
