import type { Machine } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';

/** What is done to machines that are there and stay. */
export type TendVerb = 'start' | 'stop' | 'reboot';

/** How many machines it is done to at the same time. */
export interface Pace {
  /** Most machines of a service that it is under way on, or that a reboot has left out of order; null: all of them. */
  readonly maxUnavailable: number | null;
  /** After a failure it begins on no other machine. */
  readonly failFast: boolean;
  /** One machine after the other, whatever their services. */
  readonly serial?: boolean;
}

export interface TendGoal {
  readonly kind: 'tend';
  readonly verb: TendVerb;
  readonly services: ReadonlyMap<string, Service>;
  /** Names of the machines that have their turn together, one group after the other. */
  readonly groups: readonly ReadonlySet<string>[];
  /** Run teardown scripts before machines stop. */
  readonly teardown: boolean;
  readonly pace: Pace;
}

/** It has an instance that stays. */
export function isTendable({ wanted, id, stage }: Machine): boolean {
  return wanted && id !== null && stage !== 'replacing' && stage !== 'leaving' && stage !== 'gone';
}

/** `servicesOf` by name. */
export function servicesByName({ levels }: Pick<Plan, 'levels'>): ReadonlyMap<string, Service> {
  return new Map(levels.flatMap(({ services }) => services).map((service) => [service.name, service]));
}
