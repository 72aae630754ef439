import type { Fact } from '../fact.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { UNLAUNCHED } from './machine-stages.ts';
import { change, replace, replaceInstance } from './replace.ts';

/** The machine has no instance any more; the instance is to be terminated. */
export function condemn(
  state: DeploymentState,
  fact: Extract<Fact, { type: 'instance-condemned' }>,
  touched: Touched,
): void {
  const machine = state.machines.get(fact.machine);
  if (machine?.generation !== fact.generation || machine.id === null) return;
  const instance = state.instances.get(machine.id);
  if (instance !== undefined) replaceInstance(state, { ...instance, condemned: fact.cause }, touched);
  replace(state, { ...machine, ...UNLAUNCHED, cause: machine.cause, updatedAt: fact.at }, touched);
}

/** Nothing is left of an instance; the machine whose end this was is gone. */
export function removeInstance(state: DeploymentState, id: string, at: number, touched: Touched): void {
  const instance = state.instances.get(id);
  if (instance === undefined) return;
  state.instances.delete(id);
  state.condemned.delete(id);
  touched.instances.add(id);
  change(state, instance.machine, instance.generation, at, touched, (machine) =>
    machine.id === id && machine.stage === 'leaving'
      ? { ...machine, stage: 'gone', gaveUp: false, retryAt: null }
      : machine,
  );
}
