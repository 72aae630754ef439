import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterBy } from './filters.ts';
import { pageOf } from './pages.ts';
import { parseParams } from './params.ts';

describe('pageOf()', () => {
  it('answers what stays exactly once, in order, whatever comes and goes between pages', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 5, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 60 })),
        fc.array(fc.boolean()),
        (count, size, removals, additions) => {
          let items = Array.from({ length: count }, (_, order) => order);
          const original = [...items];
          const removed = new Set<number>();
          const seen: number[] = [];
          let token: string | null = null;
          for (let call = 0; call === 0 || token !== null; call += 1) {
            const more: readonly (readonly [string, string])[] = token === null ? [] : [['NextToken', token]];
            const params = parseParams(new Map([['MaxResults', String(size)], ...more]));
            const page = pageOf(params, items, { orderOf: (item) => item });
            seen.push(...page.items);
            token = page.nextToken;
            const gone = removals[call];
            if (gone !== undefined) {
              items = items.filter((item) => item !== gone);
              removed.add(gone);
            }
            if (additions[call] === true) items = [...items, 100 + call];
          }
          expect(seen).toEqual([...new Set(seen)].sort((one, other) => one - other));
          expect(original.filter((item) => !removed.has(item) && !seen.includes(item))).toEqual([]);
        },
      ),
    );
  });
});

describe('filterBy()', () => {
  const matches = (pattern: string, value: string): boolean => {
    const params = parseParams(
      new Map([
        ['Filter.1.Name', 'name'],
        ['Filter.1.Value.1', pattern],
      ]),
    );
    return filterBy(params, { name: (text: string) => [text] })(value);
  };

  it('takes an escaped value as it is, and a star for anything', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const escaped = one.replaceAll(/[\\*?]/g, '\\$&');
        expect(matches(escaped, one)).toBe(true);
        expect(matches(escaped, other)).toBe(one === other);
        expect(matches(`${escaped}*`, one + other)).toBe(true);
        expect(matches(`*${escaped}`, other + one)).toBe(true);
      }),
    );
  });
});
