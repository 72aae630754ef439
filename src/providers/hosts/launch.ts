import type { LaunchAnswer, LaunchBatch } from '../provider.ts';
import type { HostHash } from './access.ts';
import type { Wanted } from './choose.ts';
import { candidates, labelsOf, shortageOf } from './choose.ts';
import type { Claim, Claims } from './claims.ts';
import type { HostEntry } from './host-entry.ts';

export interface Taking {
  /** Name of the configuration. */
  readonly provider: string;
  readonly pool: readonly HostEntry[];
  readonly hashOf: HostHash;
  /** What other services still need. */
  readonly others: readonly Wanted[];
  readonly claims: Claims;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Takes a host for each machine of a batch. What was taken under its token before, by a command that did not come to
 * its end, is answered again. With fewer than `min` it takes none.
 */
export function takeHosts(batch: LaunchBatch, taking: Taking): LaunchAnswer {
  const { claims, pool, hashOf } = taking;
  const labels = labelsOf(batch.request);
  const taken = new Map<number, Claim>();
  for (const claim of takenBefore(batch, claims)) taken.set(claim.index, claim);
  const held = claims.all();
  const free = pool.filter((host) => !held.has(hashOf(host)));
  const open = [...batch.machines.keys()].filter((index) => !taken.has(index));
  const hosts = candidates(free, labels, taking.others)[Symbol.iterator]();
  for (const index of open) {
    const claim = takeNext(batch, index, hosts, taking);
    if (claim === undefined) break;
    taken.set(index, claim);
  }
  const ids = [...batch.machines.keys()].map((index) => taken.get(index)?.id ?? null);
  if (taken.size === ids.length) return { kind: 'launched', ids, whyFewer: null };
  const why = shortageOf(pool, free, { labels, count: open.length });
  if (taken.size >= batch.min) return { kind: 'launched', ids, whyFewer: why };
  for (const { id } of taken.values()) claims.giveBack(id);
  return { kind: 'refused', message: why, retryAfter: null };
}

/** One claim for each position; a second one, of a race that nobody won, is given back. */
function* takenBefore({ token, machines }: LaunchBatch, claims: Claims): Generator<Claim> {
  const seen = new Set<number>();
  for (const claim of claims.all().values()) {
    if (claim.token !== token) continue;
    if (seen.has(claim.index) || claim.index >= machines.length) claims.giveBack(claim.id);
    else yield claim;
    seen.add(claim.index);
  }
}

function takeNext(
  { token, machines, request }: LaunchBatch,
  index: number,
  hosts: Iterator<HostEntry>,
  { provider, claims, now }: Taking,
): Claim | undefined {
  const machine = machines[index];
  for (let next = hosts.next(); next.done !== true; next = hosts.next()) {
    const claim = claims.take({
      host: next.value,
      provider,
      token,
      index,
      machine: machine?.name ?? '',
      generation: machine?.generation ?? 0,
      service: request.service,
      tags: request.tags,
      labels: request.labels,
      since: now,
    });
    if (claim !== undefined) return claim;
  }
  return undefined;
}
