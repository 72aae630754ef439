import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { Revision } from './revision.ts';
import type { Revisions } from './situation.ts';

/** What one operation found out of machines that are not as the plan says. Kept in memory: the next one looks anew. */
export interface RevisionBook extends Revisions {
  /** A service was compared with the plan. */
  note(service: string, revisions: readonly Revision[]): void;
  /** A machine's revision begins. */
  take(service: string, machine: string): void;
}

export function createRevisionBook(plan: Plan): RevisionBook {
  const unseen = new Set(servicesOf(plan).map(({ name }) => name));
  const pending = new Map<string, Map<string, Revision>>();
  return {
    unseen,
    pending,
    note(service, revisions) {
      unseen.delete(service);
      if (revisions.length > 0) pending.set(service, new Map(revisions.map((one) => [one.machine, one])));
    },
    take(service, machine) {
      const waiting = pending.get(service);
      waiting?.delete(machine);
      if (waiting?.size === 0) pending.delete(service);
    },
  };
}
