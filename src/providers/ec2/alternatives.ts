import type { Clock } from '../../clock.ts';

/** One way to ask for a service's machines; null: the default subnet. */
export interface Alternative {
  readonly instanceType: string;
  readonly subnetId: string | null;
}

/** All ways to ask for a service's machines, the preferred one first; at least one. */
export interface Choice {
  readonly service: string;
  readonly all: readonly Alternative[];
}

/** Remembers which alternatives EC2 refused for want of capacity or quota. */
export interface Alternatives {
  /** The first one that is not refused, else, of those that are not refused for good, the one refused longest ago. */
  next(choice: Choice): Alternative;
  /** Notes a refusal; `isFinal`: it will be refused again. Answers whether another alternative is left. */
  refuse(choice: Choice, refused: Alternative, isFinal?: boolean): boolean;
  /** Whether an alternative other than this one is left. */
  hasOther(choice: Choice, than: Alternative): boolean;
  /** Whether one that was refused may do later. */
  mayDoLater(choice: Choice): boolean;
}

interface Refused {
  readonly at: number;
  readonly isFinal: boolean;
}

/** Milliseconds without another refusal after which all alternatives of a service are worth a try again. */
const MEMORY = 60_000;

/** All subnets of the first type, then those of the next. No subnets: the default one. */
export function alternativesOf(
  instanceTypes: readonly string[],
  subnetIds: readonly string[],
): readonly Alternative[] {
  const subnets = subnetIds.length === 0 ? [null] : subnetIds;
  return instanceTypes.flatMap((instanceType) => subnets.map((subnetId) => ({ instanceType, subnetId })));
}

/**
 * Refusals of a service are forgotten together, a minute after the last of them, and not one by one: a long list is
 * gone through to its end however slow EC2 answers, and then known to be exhausted.
 */
export function createAlternatives(clock: Pick<Clock, 'now'>): Alternatives {
  /** Refusals by alternative, by choice. */
  const memory = new Map<string, Map<string, Refused>>();

  function refusals(choice: Choice): Map<string, Refused> {
    const key = JSON.stringify([choice.service, choice.all]);
    let known = memory.get(key);
    if (known === undefined || Math.max(...[...known.values()].map(({ at }) => at)) + MEMORY <= clock.now()) {
      known = new Map();
      memory.set(key, known);
    }
    return known;
  }

  function hasOther(choice: Choice, than: Alternative): boolean {
    const known = refusals(choice);
    return choice.all.some((one) => keyOf(one) !== keyOf(than) && !known.has(keyOf(one)));
  }

  return {
    next(choice) {
      const known = refusals(choice);
      const [first, ...others] = choice.all;
      if (first === undefined) throw new Error('A choice has no alternatives. This is a bug in plan.');
      const refusedAt = (one: Alternative): number => {
        const refused = known.get(keyOf(one));
        if (refused === undefined) return -Infinity;
        return refused.isFinal ? Infinity : refused.at;
      };
      return others.reduce((best, one) => (refusedAt(one) < refusedAt(best) ? one : best), first);
    },
    refuse(choice, refused, isFinal = false) {
      const known = refusals(choice);
      known.set(keyOf(refused), { at: clock.now(), isFinal });
      return hasOther(choice, refused);
    },
    hasOther,
    mayDoLater: (choice) => [...refusals(choice).values()].some(({ isFinal }) => !isFinal),
  };
}

function keyOf({ instanceType, subnetId }: Alternative): string {
  return JSON.stringify([instanceType, subnetId]);
}
