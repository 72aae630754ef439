import type { Clock } from '../../clock.ts';
import { CONSISTENCY_LIMIT } from './consistency-limit.ts';

/** Tells what is missing at EC2 because it was made a moment ago from what is gone. */
export interface TooNew {
  /** To be told each time that a launch finds it missing. Answers whether it may yet come to be known everywhere. */
  mayCome(thing: string): boolean;
  /** A launch found it. */
  found(thing: string): void;
}

export function createTooNew(clock: Pick<Clock, 'now'>): TooNew {
  const missingSince = new Map<string, number>();
  return {
    mayCome(thing) {
      const since = missingSince.get(thing) ?? clock.now();
      missingSince.set(thing, since);
      return clock.now() - since < CONSISTENCY_LIMIT;
    },
    found(thing) {
      missingSince.delete(thing);
    },
  };
}
