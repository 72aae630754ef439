import { instanceOf, isShared } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import { needsTeardown } from '../state/tally.ts';
import { next } from './reconcile-up.ts';
import type { Revision } from './revision.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { isDue, nothingToDo } from './situation.ts';
import { machineSubject } from './step.ts';
import type { TendGoal } from './tend-goal.ts';
import { isTendable } from './tend-goal.ts';

/**
 * Steps that start, stop or reboot the machines of the goal and no others. What is to be done is pending in
 * `revisions`; a group begins when all before it are through, and not after a failure, unless machines stop.
 */
export function reconcileTend(goal: TendGoal, situation: Situation): Reconciliation {
  const out = nothingToDo();
  const group = openGroup(goal, situation);
  if (group === undefined) return out;
  const begun = takeTurns(group, goal, situation, out);
  for (const machine of machinesToLookAt(group, situation)) {
    if (isOver(machine, goal, situation) || pendingOf(machine, situation) !== undefined) continue;
    if (situation.busy.has(machineSubject(machine.name)) || begun.has(machine.name)) continue;
    if (goal.verb === 'stop') halt(machine, goal, situation, out);
    else comeUp(machine, goal, situation, out);
  }
  return out;
}

function openGroup(goal: TendGoal, situation: Situation): ReadonlySet<string> | undefined {
  for (const group of goal.groups) {
    let hasFailed = false;
    for (const machine of machinesOf(group, situation)) {
      if (!isOver(machine, goal, situation)) return group;
      hasFailed ||= machine.gaveUp;
    }
    if (hasFailed && goal.verb !== 'stop') return undefined;
  }
  return undefined;
}

function isOver(machine: Machine, { verb }: TendGoal, situation: Situation): boolean {
  if (!isTendable(machine)) return true;
  if (pendingOf(machine, situation) !== undefined) return false;
  if (machine.gaveUp) return true;
  return verb === 'stop' ? machine.stage !== 'stopping' : machine.stage === 'ready';
}

function pendingOf({ name, service }: Machine, { revisions }: Situation): Revision | undefined {
  return revisions.pending.get(service)?.get(name);
}

/** Begins on those whose turn it is: as many as the pace allows beside those under way. Answers their names. */
function takeTurns(
  group: ReadonlySet<string>,
  goal: TendGoal,
  situation: Situation,
  out: Reconciliation,
): ReadonlySet<string> {
  const begun = new Set<string>();
  if (situation.revisions.pending.size === 0) return begun;
  const { serial = false } = goal.pace;
  const waiting: Revision[] = [];
  const taken = new Map<string, number>();
  const placeOf = (machine: string): string =>
    serial ? '' : (situation.state.machines.get(machine)?.service ?? '');
  const roomAt = (place: string): number => (serial ? 1 : (goal.rooms.get(place) ?? Infinity));
  const take = (machine: string): void =>
    void taken.set(placeOf(machine), (taken.get(placeOf(machine)) ?? 0) + 1);
  for (const machine of machinesOf(group, situation)) {
    const pending = pendingOf(machine, situation);
    if (pending !== undefined) waiting.push(pending);
    else if (machine.gaveUp ? goal.verb === 'reboot' : !isOver(machine, goal, situation)) {
      if (serial) return begun;
      take(machine.name);
    }
  }
  for (const revision of waiting) {
    const place = placeOf(revision.machine);
    if ((taken.get(place) ?? 0) >= roomAt(place)) continue;
    take(revision.machine);
    begun.add(revision.machine);
    out.decide.push({ kind: 'revise', revision });
  }
  return begun;
}

/** The touched machines of the group, or all of it when its turn may just have begun or a gate have opened. */
function machinesToLookAt(group: ReadonlySet<string>, situation: Situation): Iterable<Machine> {
  const { look, state } = situation;
  if (look.kind === 'all' || look.reached.size > 0) return machinesOf(group, situation);
  const machines: Machine[] = [];
  for (const name of look.machines) {
    if (!group.has(name)) return machinesOf(group, situation);
    const machine = state.machines.get(name);
    if (machine !== undefined) machines.push(machine);
  }
  return machines;
}

function* machinesOf(group: ReadonlySet<string>, { state }: Situation): Iterable<Machine> {
  for (const name of group) {
    const machine = state.machines.get(name);
    if (machine !== undefined) yield machine;
  }
}

function halt(machine: Machine, goal: TendGoal, situation: Situation, out: Reconciliation): void {
  const { name } = machine;
  if (!isDue(machine, situation.now, out)) return;
  if (goal.teardown && needsTeardown(machine) && situation.hasTeardown(machine))
    out.start.push({ kind: 'teardown', machine: name });
  else if (stopsWithHost(machine, goal, situation)) out.decide.push({ kind: 'halt', machines: [name] });
  else out.start.push({ kind: 'stop', machine: name });
}

/** It shares a machine that is to be stopped after it. */
function stopsWithHost({ id, provider }: Machine, { groups }: TendGoal, { state }: Situation): boolean {
  if (id === null || !isShared(provider)) return false;
  const host = state.instances.get(instanceOf(id))?.machine;
  return host !== undefined && groups.some((group) => group.has(host));
}

function comeUp(machine: Machine, goal: TendGoal, situation: Situation, out: Reconciliation): void {
  const service = goal.services.get(machine.service);
  // What is still off then was not asked to start, because of a failure.
  if (service === undefined || machine.stage === 'stopping' || machine.stage === 'stopped') return;
  next(machine, service, situation, out);
}
