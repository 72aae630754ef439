import type { Realm, Rule } from './realm.ts';
import { REASONS } from './instance.ts';
import type { StateReason } from './instance.ts';

/** Default of both: the first one of the endpoint. */
export interface Place {
  readonly account?: string;
  readonly region?: string;
}

/** Which launches are meant: of a type, in a zone; default: any. */
export interface Launches extends Place {
  readonly instanceType?: string;
  readonly zone?: string;
}

/** What a test asks launches to suffer. */
export interface Adversity {
  /** Launches are refused with this error, `times` times (default: always). */
  refuse(
    launches: Launches & { readonly code: string; readonly message?: string; readonly times?: number },
  ): void;
  /** There is capacity for so many more instances from now on; it does not come back when they end. */
  limit(launches: Launches & { readonly left: number }): void;
  /** The next `times` (default: 1) instances go from pending to terminated, after `after` ms, for this reason. */
  stillborn(
    launches?: Launches & { readonly times?: number; readonly after?: number; readonly reason?: StateReason },
  ): void;
  /** Takes back all that was asked for with refuse, limit and stillborn. */
  relent(): void;
}

export function createAdversity(
  realms: ReadonlyMap<string, Realm>,
  realmAt: (place?: Place) => Realm,
): Adversity {
  function add({ instanceType, zone, ...place }: Launches, times: number, effect: Rule['effect']): void {
    realmAt(place).rules.push({ instanceType: instanceType ?? null, zone: zone ?? null, times, effect });
  }

  return {
    refuse({ code, message, times = Infinity, ...launches }) {
      add(launches, times, { kind: 'refuse', code, message: message ?? null });
    },
    limit({ left, ...launches }) {
      const { rules } = realmAt(launches);
      const before = rules.findIndex(
        ({ effect, instanceType, zone }) =>
          effect.kind === 'limit' &&
          instanceType === (launches.instanceType ?? null) &&
          zone === (launches.zone ?? null),
      );
      if (before !== -1) rules.splice(before, 1);
      add(launches, Infinity, { kind: 'limit', left });
    },
    stillborn({ times = 1, after = 0, reason = REASONS.capacity, ...launches } = {}) {
      add(launches, times, { kind: 'stillborn', after, reason });
    },
    relent() {
      for (const { rules } of realms.values()) rules.length = 0;
    },
  };
}
