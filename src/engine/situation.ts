import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Revision } from './revision.ts';
import type { Decision, Step } from './step.ts';
import { instanceSubject } from './step.ts';
import type { TendGoal } from './tend-goal.ts';

/** What an operation wants of the deployment. */
export type Goal =
  | { readonly kind: 'up'; readonly plan: Plan }
  /** Of an `up` only that providers are asked for machines. */
  | { readonly kind: 'ask'; readonly plan: Plan }
  | TendGoal
  /** `only`: the names of the machines that go; absent: all of them. */
  | { readonly kind: 'down'; readonly only?: ReadonlySet<string> | undefined };

/** The part of the state that changed since the last look. */
export type Look =
  | { readonly kind: 'all' }
  | {
      readonly kind: 'touched';
      readonly machines: ReadonlySet<string>;
      readonly reached: ReadonlySet<string>;
    };

export interface Situation {
  readonly state: DeploymentState;
  readonly look: Look;
  /** Subjects of the steps under way. */
  readonly busy: ReadonlySet<string>;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Most machines in one launching call of a provider. */
  batchLimit(provider: string): number;
  readonly revisions: Revisions;
  /** What a machine needs to be as the plan says now; a pure function of plan and state. */
  revise(machine: Machine): Revision | null;
  /** There is a teardown script for this machine, and it is not to be skipped. */
  hasTeardown(machine: Machine): boolean;
}

/** What the operation knows of machines that are not as the plan says. */
export interface Revisions {
  /** Services whose machines were not compared with the plan yet. */
  readonly unseen: ReadonlySet<string>;
  /** Revisions that wait for their turn, by service and machine; none is empty. */
  readonly pending: ReadonlyMap<string, ReadonlyMap<string, Revision>>;
  /** Services to be compared once more when all their machines are settled: a machine may differ in several ways. */
  readonly recheck: ReadonlySet<string>;
  /** Machines that were given up before and are none of the operation's: they keep no other from its turn. */
  readonly aside?: ReadonlySet<string>;
}

export interface Reconciliation {
  /** Services that were compared with the plan, and what was found. */
  readonly seen: { readonly service: string; readonly revisions: readonly Revision[] }[];
  readonly decide: Decision[];
  readonly start: Step[];
  /** Epoch milliseconds at which machines whose retry waits should be looked at again. */
  wakeAt: number | null;
  /** Machines to look at then. */
  readonly sleeping: string[];
}

export function nothingToDo(): Reconciliation {
  return { seen: [], decide: [], start: [], wakeAt: null, sleeping: [] };
}

/** Condemned instances and machines on their way out, as one terminating call per provider. */
export function terminations(situation: Situation, instances: Iterable<string>, out: Reconciliation): void {
  const byProvider = new Map<string, string[]>();
  for (const id of instances) {
    const instance = situation.state.instances.get(id);
    if (instance === undefined || situation.busy.has(instanceSubject(id))) continue;
    const ids = byProvider.get(instance.provider);
    if (ids === undefined) byProvider.set(instance.provider, [id]);
    else ids.push(id);
  }
  for (const [provider, ids] of byProvider) out.start.push({ kind: 'terminate', provider, instances: ids });
}

/** False for a machine that was given up or whose next try is later. */
export function isDue(machine: Machine, now: number, out: Reconciliation): boolean {
  if (machine.gaveUp) return false;
  if (machine.retryAt === null || machine.retryAt <= now) return true;
  out.wakeAt = Math.min(out.wakeAt ?? Infinity, machine.retryAt);
  out.sleeping.push(machine.name);
  return false;
}
