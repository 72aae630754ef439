import type { ProviderConfig } from '../plan/plan.ts';
import type { Holding } from '../providers/provider.ts';
import type { LedgerEntry } from '../state/store.ts';

/** A provider that is asked for what it holds. */
export interface Target {
  readonly config: ProviderConfig;
  /** Where machines of it are, as far as is recorded; null: nothing is known. */
  readonly place: string | null;
  /** The deployments that have it, and what each calls it. */
  readonly uses: readonly ProviderUse[];
}

export interface ProviderUse {
  readonly uuid: string;
  readonly provider: string;
}

/** Something of this tool that no deployment of the state directory accounts for. */
export interface Orphan {
  readonly holding: Holding;
  readonly target: Target;
  /** True when this state directory made it. */
  readonly isOurs: boolean;
}

/**
 * Tells what is accounted for: a machine by its id or the token of an open batch, anything else by a deployment of its
 * uuid that has a provider prepared which has it. `answered`: the targets that could be asked. A prepared provider that
 * could not, or of which nobody knows which one it is, accounts for all that its deployment may have anywhere.
 */
export function accountant(
  ledger: readonly LedgerEntry[],
  answered: Iterable<Target>,
): (holding: Holding, seenBy: readonly Target[]) => boolean {
  const ids = new Set(ledger.flatMap(({ instances }) => [...instances.keys()]));
  const tokens = new Set(ledger.flatMap(({ batches }) => [...batches.keys()]));
  const scopes = new Map(ledger.map((entry) => [entry.uuid, [...entry.scopes.keys()]]));
  const targets = new Map<string, Set<Target>>();
  for (const target of answered)
    for (const use of target.uses)
      targets.set(keyOf(use), (targets.get(keyOf(use)) ?? new Set()).add(target));
  return ({ kind, id, token, tags }, seenBy) => {
    if (kind === 'machine') return ids.has(id) || (token !== null && tokens.has(token));
    const { uuid } = tags;
    if (uuid === undefined) return false;
    return (scopes.get(uuid) ?? []).some((provider) => {
      const meant = targets.get(keyOf({ uuid, provider }));
      return meant === undefined || seenBy.some((target) => meant.has(target));
    });
  };
}

function keyOf({ uuid, provider }: ProviderUse): string {
  return `${uuid} ${provider}`;
}

/** By owner, the oldest first; what has no owner or no age last. */
export function inOrder(orphans: readonly Orphan[]): readonly Orphan[] {
  return [...orphans].sort(
    ({ holding: a }, { holding: b }) =>
      compare(a.tags.owner, b.tags.owner) || compare(a.since, b.since) || compare(a.id, b.id),
  );
}

function compare<T extends string | number>(a: T | null | undefined, b: T | null | undefined): number {
  if (a == null || b == null) return Number(a == null) - Number(b == null);
  return a < b ? -1 : Number(a > b);
}
