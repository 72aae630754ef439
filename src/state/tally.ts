import { isShared } from '../colocation.ts';
import { indexesOf } from '../count.ts';
import type { PlanRecord } from '../fact.ts';
import type { Machine } from '../machine.ts';

/** Counters over the wanted machines, kept up to date with every change, so that gates are questions of O(1). */
export interface Tallies {
  readonly services: Map<string, ServiceTally>;
  /** In level order. */
  levels: readonly LevelTally[];
  /** The way down, by the group that goes together; also of levels that the plan no longer has. */
  readonly leaving: Map<string, LeavingTally>;
  /** The part of it that the plan does not ask for any more. */
  readonly unwanted: Map<string, LeavingTally>;
}

export interface ServiceTally {
  readonly level: LevelTally;
  readonly min: number;
  readonly max: number;
  /** The numbers of its machines, ascending. */
  readonly indexes: readonly number[];
  ready: number;
  /** Ready, or given up in this operation. */
  settled: number;
  /** Connected at least once in this generation, and not given up before that. */
  reached: number;
  /** Given up before they were reached. */
  unreachable: number;
  /** Machines that have an instance. */
  launched: number;
  /** Machines whose launch was asked for and has no answer. */
  requested: number;
  /** Names of machines whose launch is still to be asked for. */
  readonly unlaunched: Set<string>;
  /** Names of machines that are connected and wait for their bootstrap. */
  readonly waiting: Set<string>;
}

export interface LevelTally {
  /** Machines that are neither ready nor given up. */
  unsettled: number;
  /** Services with fewer ready machines than `min`. */
  short: number;
}

export interface LeavingTally {
  /** Machines that are not gone and whose end was not given up. */
  present: number;
  /** Of these, the ones whose teardown is not over. */
  untorn: number;
  /** Of these, the ones whose termination was not asked for. */
  staying: number;
}

export function emptyTallies(): Tallies {
  return { services: new Map(), levels: [], leaving: new Map(), unwanted: new Map() };
}

/** Every machine of the service was reached or given up. */
export function allReached(tally: ServiceTally): boolean {
  return tally.reached + tally.unreachable >= tally.max;
}

/** The first level that is not passed: every level before it is settled with at least `min` of each service ready. */
export function openLevel(tallies: Tallies): number {
  const index = tallies.levels.findIndex((level) => level.unsettled > 0 || level.short > 0);
  return index === -1 ? tallies.levels.length : index;
}

export function rebuildTallies(tallies: Tallies, plan: PlanRecord, machines: Iterable<Machine>): void {
  tallies.services.clear();
  tallies.leaving.clear();
  tallies.unwanted.clear();
  tallies.levels = plan.levels.map(({ services }) => {
    const level: LevelTally = { unsettled: 0, short: 0 };
    for (const service of services) {
      const { name, min, max } = service;
      level.unsettled += max;
      if (min > 0) level.short += 1;
      const zero = { ready: 0, settled: 0, launched: 0, requested: 0, reached: 0, unreachable: 0 };
      const sets = { unlaunched: new Set<string>(), waiting: new Set<string>() };
      tallies.services.set(name, { level, min, max, indexes: indexesOf(service), ...zero, ...sets });
    }
    return level;
  });
  for (const machine of machines) countMachine(tallies, undefined, machine);
}

/** Counts a machine's change. True when the number of machines that were reached or are unreachable changed. */
export function countMachine(tallies: Tallies, before: Machine | undefined, after: Machine): boolean {
  countLeaving(tallies, before, -1);
  countLeaving(tallies, after, 1);
  const tally = tallies.services.get(after.service);
  if (tally === undefined) return false;
  const gone = before === undefined ? NOTHING : contribution(before);
  const come = contribution(after);
  const wasShort = tally.ready < tally.min;
  tally.ready += come.ready - gone.ready;
  tally.settled += come.settled - gone.settled;
  tally.level.unsettled -= come.settled - gone.settled;
  tally.level.short += Number(tally.ready < tally.min) - Number(wasShort);
  tally.launched += come.launched - gone.launched;
  tally.requested += come.requested - gone.requested;
  tally.reached += come.reached - gone.reached;
  tally.unreachable += come.unreachable - gone.unreachable;
  toggle(tally.unlaunched, after.name, come.unlaunched);
  toggle(tally.waiting, after.name, come.waiting);
  return come.reached !== gone.reached || come.unreachable !== gone.unreachable;
}

interface Contribution {
  readonly ready: 0 | 1;
  readonly settled: 0 | 1;
  readonly launched: 0 | 1;
  readonly requested: 0 | 1;
  readonly unlaunched: boolean;
  readonly reached: 0 | 1;
  readonly unreachable: 0 | 1;
  readonly waiting: boolean;
}

const NOTHING: Contribution = {
  ready: 0,
  settled: 0,
  launched: 0,
  requested: 0,
  unlaunched: false,
  reached: 0,
  unreachable: 0,
  waiting: false,
};

function contribution(machine: Machine): Contribution {
  if (!machine.wanted) return NOTHING;
  const reached = hasBeenReached(machine);
  return {
    ready: machine.stage === 'ready' ? 1 : 0,
    settled: machine.stage === 'ready' || machine.gaveUp ? 1 : 0,
    launched: machine.id !== null && machine.stage !== 'gone' ? 1 : 0,
    requested: machine.stage === 'requested' ? 1 : 0,
    unlaunched: machine.stage === 'none' && !machine.gaveUp,
    reached: reached ? 1 : 0,
    unreachable: !reached && machine.gaveUp ? 1 : 0,
    waiting: machine.stage === 'connected' && machine.running === null && !machine.gaveUp,
  };
}

function countLeaving(tallies: Tallies, machine: Machine | undefined, by: 1 | -1): void {
  if (machine === undefined || !isPresent(machine)) return;
  countLeaver(tallies.leaving, machine, by);
  if (!machine.wanted) countLeaver(tallies.unwanted, machine, by);
}

/** The way down of these machines alone. */
export function leavingTallies(machines: Iterable<Machine>): ReadonlyMap<string, LeavingTally> {
  const tallies = new Map<string, LeavingTally>();
  for (const machine of machines) if (isPresent(machine)) countLeaver(tallies, machine, 1);
  return tallies;
}

function countLeaver(tallies: Map<string, LeavingTally>, machine: Machine, by: 1 | -1): void {
  const group = leavingGroup(machine);
  let tally = tallies.get(group);
  if (tally === undefined) tallies.set(group, (tally = { present: 0, untorn: 0, staying: 0 }));
  tally.present += by;
  if (needsTeardown(machine)) tally.untorn += by;
  if (machine.stage !== 'leaving') tally.staying += by;
  if (tally.present === 0) tallies.delete(group);
}

/** Machines of a level that go at the same time: those that share others' go before these. */
export function leavingGroup({ level, provider }: Pick<Machine, 'level' | 'provider'>): string {
  return isShared(provider) ? guestsOf(level) : level;
}

/** The group of a level's machines that share others'. */
export function guestsOf(level: string): string {
  return `${level}/`;
}

/** Not gone, and not a machine whose end was given up in this operation. */
export function isPresent(machine: Machine): boolean {
  const endGivenUp = machine.gaveUp && machine.failure?.step === 'terminate';
  return machine.stage !== 'gone' && !endGivenUp;
}

/** A bootstrap was started on it, or there was none to run, and its teardown is not over. */
export function needsTeardown(machine: Machine): boolean {
  return (
    machine.under !== null && !machine.tornDown && machine.stage !== 'leaving' && machine.stage !== 'gone'
  );
}

export function hasBeenReached(machine: Machine): boolean {
  return machine.stage === 'connected' || machine.stage === 'bootstrapped' || machine.stage === 'ready';
}

function toggle(set: Set<string>, name: string, member: boolean): void {
  if (member) set.add(name);
  else set.delete(name);
}
