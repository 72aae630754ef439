import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { isPresent, needsTeardown } from '../state/tally.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { nothingToDo, terminations } from './situation.ts';
import { batchSubject, machineSubject } from './step.ts';

/**
 * Steps towards nothing: batches without an answer are looked up; then the highest level that is left has its
 * teardown scripts run, all of them, before the first of its machines is terminated.
 */
export function reconcileDown(plan: Plan | null, situation: Situation): Reconciliation {
  const out = nothingToDo();
  const { state, busy } = situation;
  for (const batch of state.batches.values()) {
    const givenUp = batch.machines.every(({ name }) => state.machines.get(name)?.gaveUp === true);
    if (!givenUp && !busy.has(batchSubject(batch.number)))
      out.start.push({ kind: 'find', batch: batch.number });
  }
  const level = highestLevel(state);
  if (level !== undefined) descend(level, plan, situation, out);
  terminations(situation, state.condemned, out);
  return out;
}

/** The level that leaves next: those that the plan no longer has, then the plan's in reverse order. */
function highestLevel(state: DeploymentState): string | undefined {
  const order = (state.plan?.levels ?? []).map(({ name }) => name).reverse();
  const known = new Set(order);
  const removed = [...state.tallies.leaving.keys()].filter((name) => !known.has(name));
  return [...removed, ...order].find((name) => (state.tallies.leaving.get(name)?.present ?? 0) > 0);
}

function descend(level: string, plan: Plan | null, situation: Situation, out: Reconciliation): void {
  const { state, busy } = situation;
  const tally = state.tallies.leaving.get(level);
  if (tally === undefined) return;
  if (tally.untorn > 0) {
    for (const machine of machinesToLookAt(level, situation)) {
      if (!needsTeardown(machine) || busy.has(machineSubject(machine.name))) continue;
      if (hasTeardown(machine, plan)) out.start.push({ kind: 'teardown', machine: machine.name });
      else out.decide.push({ kind: 'skip', step: 'teardown', machines: [machine.name] });
    }
    return;
  }
  const retiring: string[] = [];
  const dropping: string[] = [];
  const leaving: string[] = [];
  for (const machine of tally.staying > 0 ? machinesOf(level, state) : machinesToLookAt(level, situation)) {
    if (!isPresent(machine)) continue;
    if (machine.stage === 'leaving') {
      if (machine.id !== null) leaving.push(machine.id);
    } else if (machine.id !== null) retiring.push(machine.name);
    else if (machine.stage === 'none') dropping.push(machine.name);
  }
  if (retiring.length > 0) out.decide.push({ kind: 'retire', machines: retiring });
  if (dropping.length > 0) out.decide.push({ kind: 'drop', machines: dropping });
  terminations(situation, leaving, out);
}

function hasTeardown(machine: Machine, plan: Plan | null): boolean {
  const level = plan?.levels.find(({ name }) => name === machine.level);
  const service = level?.services.find(({ name }) => name === machine.service);
  return service?.teardown != null;
}

/** The touched machines of a level, or all of it when something else was touched: its gate may just have opened. */
function machinesToLookAt(level: string, { state, look }: Situation): Iterable<Machine> {
  if (look.kind === 'all') return machinesOf(level, state);
  const machines: Machine[] = [];
  for (const name of look.machines) {
    const machine = state.machines.get(name);
    if (machine === undefined) continue;
    if (machine.level !== level) return machinesOf(level, state);
    machines.push(machine);
  }
  return machines;
}

function* machinesOf(level: string, state: DeploymentState): Iterable<Machine> {
  for (const machine of state.machines.values()) if (machine.level === level) yield machine;
}
