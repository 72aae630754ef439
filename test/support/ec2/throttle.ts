import type { Clock } from '../../../src/clock.ts';
import { ApiError } from './api-error.ts';
import { DESCRIBING } from './action-kind.ts';

/** A token bucket: how many requests (or instances) at once, and how many come back in a second. */
export interface Rate {
  readonly size: number;
  readonly perSecond: number;
}

/** What is left out is not limited. An action of its own bucket does not draw on its category's. */
export interface Limits {
  readonly describing?: Rate;
  readonly mutating?: Rate;
  /** Requests, by action. */
  readonly actions?: Readonly<Record<string, Rate>>;
  /** Instances in requests, by action. */
  readonly resources?: Readonly<Record<string, Rate>>;
}

/** As AWS documents them for an account and region in "Request throttling for the Amazon EC2 API". */
export const AWS_LIMITS: Limits = {
  describing: { size: 100, perSecond: 20 },
  mutating: { size: 50, perSecond: 5 },
  actions: {
    CreateTags: { size: 100, perSecond: 10 },
    DeleteTags: { size: 100, perSecond: 10 },
    RunInstances: { size: 5, perSecond: 2 },
    StartInstances: { size: 5, perSecond: 2 },
    TerminateInstances: { size: 100, perSecond: 5 },
  },
  resources: {
    RunInstances: { size: 1000, perSecond: 2 },
    StartInstances: { size: 1000, perSecond: 2 },
    StopInstances: { size: 1000, perSecond: 20 },
    TerminateInstances: { size: 1000, perSecond: 20 },
  },
};

export interface Throttle {
  /** Sets the limits, with full buckets; null: none. */
  limit(limits: Limits | null): void;
  /** Throws RequestLimitExceeded. `resources`: instances that the request is about. */
  admit(action: string, resources: number): void;
}

/** Buckets of one account and region. */
export function createThrottle(clock: Clock, initial: Limits | null): Throttle {
  let limits = initial;
  const buckets = new Map<string, { left: number; at: number }>();

  function levelOf(name: string, rate: Rate): { left: number; at: number } {
    const now = clock.now();
    const bucket = buckets.get(name) ?? { left: rate.size, at: now };
    bucket.left = Math.min(rate.size, bucket.left + ((now - bucket.at) / 1000) * rate.perSecond);
    bucket.at = now;
    buckets.set(name, bucket);
    return bucket;
  }

  return {
    limit(next) {
      limits = next;
      buckets.clear();
    },
    admit(action, resources) {
      if (limits === null) return;
      const category = DESCRIBING.test(action) ? 'describing' : 'mutating';
      const own = limits.actions?.[action];
      const costs: readonly (readonly [name: string, rate: Rate | undefined, cost: number])[] = [
        own === undefined ? [category, limits[category], 1] : [`requests ${action}`, own, 1],
        [`resources ${action}`, limits.resources?.[action], resources],
      ];
      const drawn = costs.flatMap(([name, rate, cost]) =>
        rate === undefined ? [] : [{ bucket: levelOf(name, rate), cost }],
      );
      if (drawn.some(({ bucket, cost }) => bucket.left + 1e-9 < cost)) {
        throw new ApiError('RequestLimitExceeded', 'Request limit exceeded.');
      }
      for (const { bucket, cost } of drawn) bucket.left -= cost;
    },
  };
}
