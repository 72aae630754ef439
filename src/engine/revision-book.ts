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
  /** The machine has no instance any more that its revision was of. */
  forget(service: string, machine: string): void;
  /** What waits for its turn is not done any more. */
  abandon(): void;
  /** A machine of this service got another instance: what others were told of it may be stale. */
  replaced(service: string): void;
}

/** More comparisons of one service than this would mean that what is done about a difference does not end it. */
const MOST_ROUNDS = 10;

export function createRevisionBook(
  plan: Plan,
  { aside = new Set() }: { readonly aside?: ReadonlySet<string> } = {},
): RevisionBook {
  const services = servicesOf(plan);
  const unseen = new Set(services.map(({ name }) => name));
  const pending = new Map<string, Map<string, Revision>>();
  const recheck = new Set<string>();
  const rounds = new Map<string, number>();
  /** Why machines were labelled: where that is refused they differ on, and are not labelled for the same again. */
  const labelled = new Map<string, string>();

  function checkAgain(service: string): void {
    if ((rounds.get(service) ?? 0) < MOST_ROUNDS) recheck.add(service);
  }

  function forget(service: string, machine: string): void {
    const waiting = pending.get(service);
    waiting?.delete(machine);
    if (waiting?.size === 0) pending.delete(service);
  }

  return {
    unseen,
    pending,
    recheck,
    aside,
    note(service, revisions) {
      unseen.delete(service);
      recheck.delete(service);
      rounds.set(service, (rounds.get(service) ?? 0) + 1);
      const left = revisions.filter(
        ({ machine, to, cause }) => to !== 'label' || labelled.get(machine) !== cause,
      );
      if (left.length === 0) return;
      pending.set(service, new Map(left.map((one) => [one.machine, one])));
      checkAgain(service);
    },
    take(service, machine) {
      const waiting = pending.get(service);
      const taken = waiting?.get(machine);
      // What goes back for another reason may differ in what could not be told before.
      if (taken === undefined) checkAgain(service);
      if (taken?.to === 'label') labelled.set(machine, taken.cause);
      forget(service, machine);
    },
    forget,
    abandon() {
      pending.clear();
      recheck.clear();
    },
    replaced(service) {
      for (const { name, peers, colocate } of services)
        if ((peers.includes(service) || colocate?.service === service) && !unseen.has(name)) checkAgain(name);
    },
  };
}
