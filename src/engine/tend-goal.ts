import type { Machine } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import type { Share } from '../share.ts';
import { roomOf } from '../share.ts';

/** What is done to machines that are there and stay. */
export type TendVerb = 'start' | 'stop' | 'reboot';

/** How many machines it is done to at the same time. */
export interface Pace {
  /**
   * Most machines of a service that it is under way on, or that a reboot has left out of order, or a share of those
   * that it is done to; null: all of them.
   */
  readonly maxUnavailable: Share | null;
  /** After a failure it begins on no other machine. */
  readonly failFast: boolean;
  /** One machine after the other, whatever their services. */
  readonly serial?: boolean;
  /** Milliseconds for each machine, from when it is begun on; what is not over then has failed. */
  readonly timeout?: number | undefined;
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
  /** Most machines at the same time, by service; without an entry: all of them. */
  readonly rooms: ReadonlyMap<string, number>;
}

/** How many machines of each service may have their turn at the same time; without an entry: all of them. */
export function roomsFor(
  machines: Iterable<Pick<Machine, 'service'>>,
  { maxUnavailable, serial }: Pace,
): ReadonlyMap<string, number> {
  if (maxUnavailable === null && serial !== true) return new Map();
  const counts = new Map<string, number>();
  for (const { service } of machines) counts.set(service, (counts.get(service) ?? 0) + 1);
  const share = serial === true ? 1 : (maxUnavailable ?? 1);
  return new Map([...counts].map(([service, count]) => [service, roomOf(share, count)]));
}

/** It has an instance that stays. */
export function isTendable({ wanted, id, stage }: Machine): boolean {
  return wanted && id !== null && stage !== 'replacing' && stage !== 'leaving' && stage !== 'gone';
}

/** `servicesOf` by name. */
export function servicesByName({ levels }: Pick<Plan, 'levels'>): ReadonlyMap<string, Service> {
  return new Map(levels.flatMap(({ services }) => services).map((service) => [service.name, service]));
}
