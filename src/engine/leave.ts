import type { Machine } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { LeavingTally } from '../state/tally.ts';
import { guestsOf, isPresent, leavingGroup, leavingTallies, needsTeardown } from '../state/tally.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { terminations } from './situation.ts';
import { batchSubject, machineSubject } from './step.ts';

/** Which machines go: all of them, those that the plan does not ask for any more, or those of these names. */
export type Leavers = 'all' | 'unwanted' | ReadonlySet<string>;

/**
 * The way down: batches without an answer are looked up and not launched; then the highest level that has leavers
 * has their teardown scripts run, all of them, before the first one is terminated.
 */
export function leave(who: Leavers, situation: Situation, out: Reconciliation): void {
  const { state, busy } = situation;
  for (const batch of state.batches.values()) {
    const machines = batch.machines.map(({ name }) => state.machines.get(name));
    const isConcerned = (machine: Machine | undefined): boolean =>
      machine === undefined || isLeaver(machine, who);
    // Whoever else is in a batch with machines that are named is not launched with them any more.
    if (!(typeof who === 'string' ? machines.every(isConcerned) : machines.some(isConcerned))) continue;
    const isGivenUp = machines.every((machine) => machine?.gaveUp === true);
    if (!isGivenUp && !busy.has(batchSubject(batch.number)))
      out.start.push({ kind: 'find', batch: batch.number });
  }
  const level = highestLevel(who, state);
  if (level !== undefined) descend(level, who, situation, out);
}

/** Nobody is left who should go, but for those whose end was given up. */
export function haveLeft(who: Leavers, state: DeploymentState): boolean {
  return highestLevel(who, state) === undefined;
}

function isLeaver(machine: Machine, who: Leavers): boolean {
  if (typeof who !== 'string') return who.has(machine.name);
  return who === 'all' || !machine.wanted;
}

function talliesOf(who: Leavers, state: DeploymentState): ReadonlyMap<string, LeavingTally> {
  if (typeof who !== 'string') return leavingTallies(machinesNamed(who, state));
  return who === 'all' ? state.tallies.leaving : state.tallies.unwanted;
}

/** The group that leaves next. */
function highestLevel(who: Leavers, state: DeploymentState): string | undefined {
  const tallies = talliesOf(who, state);
  return inLeavingOrder(tallies.keys(), state).find((name) => (tallies.get(name)?.present ?? 0) > 0);
}

/** Groups as they leave: those of levels that the plan no longer has, then the plan's in reverse order. */
export function inLeavingOrder(groups: Iterable<string>, { plan }: DeploymentState): readonly string[] {
  const order = (plan?.levels ?? []).flatMap(({ name }) => [name, guestsOf(name)]).reverse();
  const known = new Set(order);
  const isGuests = (group: string): number => (group.endsWith(guestsOf('')) ? 0 : 1);
  const removed = [...groups].filter((group) => !known.has(group)).sort((a, b) => isGuests(a) - isGuests(b));
  return [...removed, ...order];
}

function* machinesNamed(names: ReadonlySet<string>, state: DeploymentState): Iterable<Machine> {
  for (const name of names) {
    const machine = state.machines.get(name);
    if (machine !== undefined) yield machine;
  }
}

function descend(level: string, who: Leavers, situation: Situation, out: Reconciliation): void {
  const { state, busy } = situation;
  const tally = talliesOf(who, state).get(level);
  if (tally === undefined) return;
  if (tally.untorn > 0) {
    for (const machine of leaversToLookAt(level, who, situation)) {
      if (!needsTeardown(machine) || busy.has(machineSubject(machine.name))) continue;
      if (situation.hasTeardown(machine)) out.start.push({ kind: 'teardown', machine: machine.name });
      else out.decide.push({ kind: 'skip', step: 'teardown', machines: [machine.name] });
    }
    return;
  }
  const retiring: string[] = [];
  const dropping: string[] = [];
  const leaving: string[] = [];
  const machines = tally.staying > 0 ? leaversOf(level, who, state) : leaversToLookAt(level, who, situation);
  for (const machine of machines) {
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

/** The touched leavers of a level, or all of them when something else was touched: its gate may just have opened. */
function leaversToLookAt(level: string, who: Leavers, { state, look }: Situation): Iterable<Machine> {
  if (look.kind === 'all') return leaversOf(level, who, state);
  const machines: Machine[] = [];
  for (const name of look.machines) {
    const machine = state.machines.get(name);
    if (machine === undefined) continue;
    if (leavingGroup(machine) !== level || !isLeaver(machine, who)) return leaversOf(level, who, state);
    machines.push(machine);
  }
  return machines;
}

function* leaversOf(level: string, who: Leavers, state: DeploymentState): Iterable<Machine> {
  const machines = typeof who === 'string' ? state.machines.values() : machinesNamed(who, state);
  for (const machine of machines)
    if (leavingGroup(machine) === level && isLeaver(machine, who)) yield machine;
}
