/** So many of these hosts, whichever they are. */
export interface Demand {
  readonly count: number;
  /** Numbers of the hosts that would do. */
  readonly hosts: readonly number[];
}

export interface Shares {
  /** Demand i has the hosts `of[i]`; together they are as many as can be. */
  readonly of: readonly (readonly number[])[];
  /** True when every demand has its count. */
  readonly isWhole: boolean;
}

/**
 * Shares hosts out so that as many as possible of the demands are met: a maximum matching by augmenting paths, over
 * demands instead of hosts, because hosts of one demand are alike. Prefers the last hosts.
 */
export function shareOut(demands: readonly Demand[]): Shares {
  const ownerOf = new Map<number, number>();
  const reversed = demands.map(({ hosts }) => [...hosts].reverse());

  /** Finds a host for one more of demand `d`, moving hosts of others where they have another one to take. */
  function augment(d: number, visited: Set<number>): boolean {
    visited.add(d);
    const hosts = reversed[d] ?? [];
    const free = hosts.find((host) => !ownerOf.has(host));
    if (free !== undefined) {
      ownerOf.set(free, d);
      return true;
    }
    for (const host of hosts) {
      const owner = ownerOf.get(host);
      if (owner === undefined || visited.has(owner) || !augment(owner, visited)) continue;
      ownerOf.set(host, d);
      return true;
    }
    return false;
  }

  const isMet = demands.map(({ count }, d) => {
    for (let i = 0; i < count; i += 1) if (!augment(d, new Set())) return false;
    return true;
  });
  const of = demands.map((): number[] => []);
  for (const [host, d] of ownerOf) of[d]?.push(host);
  return { of, isWhole: isMet.every(Boolean) };
}
