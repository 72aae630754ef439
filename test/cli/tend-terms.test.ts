import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scaledWords } from '../../src/cli/render/scaled-words.ts';
import { termsFor } from '../../src/cli/tend-terms.ts';
import { parseTerm } from '../../src/selector-term.ts';

describe('termsFor()', () => {
  it('writes three and more in a row as a range', () => {
    expect(termsFor(['web-0', 'web-1', 'web-2', 'web-5', 'db-0', 'db-1'])).toEqual([
      'web-0..2',
      'web-5',
      'db-0',
      'db-1',
    ]);
    expect(termsFor(['a-1-3', 'a-1-2', 'a-1-1'])).toEqual(['a-1-1..3']);
    expect(termsFor([])).toEqual([]);
  });

  it('means these machines and no others', () => {
    const machine = fc.record({ service: fc.constantFrom('web', 'db', 'x-1'), index: fc.nat(12) });
    fc.assert(
      fc.property(
        fc.uniqueArray(machine, { selector: ({ service, index }) => `${service}-${index}` }),
        (machines) => {
          const names = machines.map(({ service, index }) => `${service}-${index}`);
          const meant = termsFor(names).flatMap((text) => {
            const term = parseTerm(text);
            if (term.kind !== 'range') return [text];
            return Array.from(
              { length: term.to - term.from + 1 },
              (_none, i) => `${term.service}-${term.from + i}`,
            );
          });
          expect(meant.toSorted()).toEqual(names.toSorted());
        },
      ),
    );
  });
});

describe('scaledWords()', () => {
  const three = { min: 3, max: 3 };
  it.each([
    [{ planned: { min: 2, max: 2 }, count: three, without: [] }, 'scaled; the plan says 2'],
    [{ planned: { min: 1, max: 4 }, count: { min: 1, max: 6 }, without: [] }, 'scaled; the plan says 1 to 4'],
    [{ planned: three, count: three, without: ['web-0'] }, 'scaled; without web-0'],
    [
      { planned: { min: 9, max: 9 }, count: three, without: ['web-0', 'web-2'] },
      'scaled; the plan says 9; without web-0, web-2',
    ],
  ])('says of %j: %s', (scaled, words) => {
    expect(scaledWords(scaled)).toBe(words);
  });
});
