import type { Clock } from '../clock.ts';

/** What is left of the time that an operation may take on a machine, both in milliseconds; not below 0. */
export interface TimeLeft {
  readonly left: number;
  readonly limit: number;
}

/** How long work on each machine takes already. */
export interface MachineTimes {
  /** Work on the machine begins, unless it has. */
  begin(machine: string): void;
  /** It is over; it may begin anew. */
  end(machine: string): void;
  /** Null: there is no limit, or the work has not begun. */
  of(machine: string): TimeLeft | null;
}

/** `limit`: milliseconds; undefined: there is none. */
export function createMachineTimes(limit: number | undefined, clock: Pick<Clock, 'now'>): MachineTimes {
  const begun = new Map<string, number>();
  return {
    begin(machine) {
      if (limit !== undefined && !begun.has(machine)) begun.set(machine, clock.now());
    },
    end(machine) {
      begun.delete(machine);
    },
    of(machine) {
      const since = begun.get(machine);
      if (limit === undefined || since === undefined) return null;
      return { limit, left: Math.max(0, since + limit - clock.now()) };
    },
  };
}
