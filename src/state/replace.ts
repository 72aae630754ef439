import type { Instance, Machine } from '../machine.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { isCondemned } from './deployment-state.ts';
import { countMachine } from './tally.ts';

/** Replaces a machine, unless it is of another generation by now. */
export function change(
  state: DeploymentState,
  name: string,
  generation: number,
  at: number,
  touched: Touched,
  next: (machine: Machine) => Machine,
): void {
  const machine = state.machines.get(name);
  if (machine?.generation !== generation) return;
  replace(state, { ...next(machine), updatedAt: at }, touched);
}

/** Replaces a machine, and counts it anew. */
export function replace(state: DeploymentState, machine: Machine, touched: Touched): void {
  const before = state.machines.get(machine.name);
  state.machines.set(machine.name, machine);
  touched.machines.add(machine.name);
  if (countMachine(state.tallies, before, machine)) touched.reached.add(machine.service);
}

export function replaceInstance(state: DeploymentState, instance: Instance, touched: Touched): void {
  state.instances.set(instance.id, instance);
  if (isCondemned(instance)) state.condemned.add(instance.id);
  else state.condemned.delete(instance.id);
  touched.instances.add(instance.id);
}
