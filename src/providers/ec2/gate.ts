import type { Clock } from '../../clock.ts';
import type { Queue } from '../../queue.ts';
import { createQueue } from '../../queue.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { createRateLimiter } from './rate-limiter.ts';

/** Most calls of an account and region that are under way at the same time. */
export const CALLS_AT_ONCE = 8;

/** What all calls of one account and region pass, whichever object makes them. */
export interface Gate {
  readonly queue: Queue;
  limiter(action: string): RateLimiter;
}

/** By clock, so that a clock never times what another one's owner waits for. */
const GATES = new WeakMap<Clock, Map<string, Gate>>();

/** The gate of that name; made when it is asked for first. */
export function gateOf(name: string, clock: Clock): Gate {
  const gates = GATES.get(clock) ?? new Map<string, Gate>();
  GATES.set(clock, gates);
  const gate = gates.get(name) ?? createGate(clock);
  gates.set(name, gate);
  return gate;
}

/** EC2 counts describing calls together on some clouds and changing ones each by its name, as this does. */
function createGate(clock: Clock): Gate {
  const limiters = new Map<string, RateLimiter>();
  return {
    queue: createQueue(CALLS_AT_ONCE),
    limiter(action) {
      const bucket = action.startsWith('Describe') ? 'Describe' : action;
      const limiter = limiters.get(bucket) ?? createRateLimiter(clock);
      limiters.set(bucket, limiter);
      return limiter;
    },
  };
}
