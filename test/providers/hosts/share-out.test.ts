import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Demand } from '../../../src/providers/hosts/share-out.ts';
import { shareOut } from '../../../src/providers/hosts/share-out.ts';

describe('shareOut()', () => {
  it('moves a host from a demand that has another one', () => {
    const { of, isWhole } = shareOut([
      { count: 1, hosts: [0, 1] },
      { count: 1, hosts: [1] },
    ]);
    expect({ of, isWhole }).toEqual({ of: [[0], [1]], isWhole: true });
  });

  it('gives each host once, to a demand that it fits, and finds a way wherever there is one', () => {
    const demand = fc.record({
      count: fc.nat(3),
      hosts: fc.uniqueArray(fc.nat(5), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.array(demand, { maxLength: 4 }), (demands) => {
        const { of, isWhole } = shareOut(demands);
        const given = of.flat();
        expect(new Set(given).size).toBe(given.length);
        for (const [d, hosts] of of.entries())
          for (const host of hosts) expect(demands[d]?.hosts).toContain(host);
        expect(isWhole).toBe(of.every((hosts, d) => hosts.length === demands[d]?.count));
        expect(isWhole).toBe(isPossible(demands));
      }),
    );
  });
});

/** Hall's condition: every set of demands has as many hosts between them as they want. */
function isPossible(demands: readonly Demand[]): boolean {
  for (let set = 0; set < 2 ** demands.length; set += 1) {
    const chosen = demands.filter((_, d) => (set & (1 << d)) !== 0);
    const wanted = chosen.reduce((sum, { count }) => sum + count, 0);
    if (new Set(chosen.flatMap(({ hosts }) => hosts)).size < wanted) return false;
  }
  return true;
}
