import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../src/errors.ts';
import type { SelectorTerm } from '../src/selector.ts';
import { isEmptySelector, parseSelector } from '../src/selector.ts';
import { fitsGlob } from '../src/selector-term.ts';

function termOf(text: string): SelectorTerm | undefined {
  return parseSelector({ terms: [text] }).terms[0];
}

function requirementsOf(text: string): unknown {
  return parseSelector({ labels: [text] }).labels[0]?.requirements;
}

/** The message and the hint. */
function errorOf(work: () => unknown): readonly [string, string | undefined] {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return [error.message, error.hint];
    throw error;
  }
  throw new Error('It does not fail.');
}

describe('parseSelector()', () => {
  it.each<[string, object]>([
    ['*', { kind: 'all' }],
    ['web', { kind: 'name' }],
    ['web-0', { kind: 'name' }],
    ['web-front-12', { kind: 'name' }],
    ['web-*', { kind: 'glob' }],
    ['*-0', { kind: 'glob' }],
    ['web-?', { kind: 'glob' }],
    ['web-0..3', { kind: 'range', service: 'web', from: 0, to: 3 }],
    ['my-web-7..7', { kind: 'range', service: 'my-web', from: 7, to: 7 }],
    ['@app', { kind: 'level', level: 'app' }],
  ])('reads the term %s', (text, expected) => {
    expect(termOf(text)).toEqual({ ...expected, text });
  });

  it.each<[string, string, string]>([
    ['web-0..', 'a number is missing after ".." (character 8)', 'A range is written "web-0..3".'],
    ['web-0..x', 'a number is missing after ".." (character 8)', 'A range is written "web-0..3".'],
    ['web-0..1x', 'a number is missing after ".." (character 9)', 'A range is written "web-0..3".'],
    ['web-0..web-3', 'a number is missing after ".." (character 8)', 'A range is written "web-0..3".'],
    ['web..3', 'a machine is missing before ".." (character 4)', 'A range is written "web-0..3".'],
    ['..3', 'a machine is missing before ".." (character 1)', 'A range is written "web-0..3".'],
    ['web-3..1', 'the range ends before it begins (character 8)', 'A range is written "web-0..3".'],
    ['w*-0..3', '"*" cannot be part of a name (character 2)', 'A selector is'],
    ['@', 'the name of a level is missing (character 2)', 'A selector is'],
    ['@a*', '"*" cannot be part of a name (character 3)', 'A selector is'],
    ['web,db', '"," cannot be part of a name (character 4)', 'Give several selectors as words of their own.'],
    ['web db', '" " cannot be part of a name (character 4)', 'Give several selectors as words of their own.'],
    ['a=b', '"=" cannot be part of a name (character 2)', 'Labels and attributes are selected by -l "a=b".'],
    ['wéb', '"é" cannot be part of a name (character 2)', 'A selector is'],
    ['w😀😀', '"😀" cannot be part of a name (character 2)', 'A selector is'],
  ])('points at what is wrong in the term %s', (text, why, hint) => {
    const [message, told] = errorOf(() => termOf(text));
    expect(message).toBe(`Cannot read selector ${JSON.stringify(text)}: ${why}`);
    expect(told).toMatch(hint);
  });

  it('wants a term to say something', () => {
    expect(errorOf(() => termOf(''))[0]).toBe('Cannot read a selector: it is empty');
  });

  it.each<[string, object[]]>([
    ['tier=front', [{ kind: 'in', key: 'tier', values: ['front'] }]],
    ['tier==front', [{ kind: 'in', key: 'tier', values: ['front'] }]],
    [' tier = front ', [{ kind: 'in', key: 'tier', values: ['front'] }]],
    ['tier!=front', [{ kind: 'notIn', key: 'tier', values: ['front'] }]],
    ['zone in (a, b)', [{ kind: 'in', key: 'zone', values: ['a', 'b'] }]],
    ['zone in(a)', [{ kind: 'in', key: 'zone', values: ['a'] }]],
    ['zone notin (a,b)', [{ kind: 'notIn', key: 'zone', values: ['a', 'b'] }]],
    ['tier', [{ kind: 'present', key: 'tier' }]],
    ['!tier', [{ kind: 'absent', key: 'tier' }]],
    ['in', [{ kind: 'present', key: 'in' }]],
    ['in in (in)', [{ kind: 'in', key: 'in', values: ['in'] }]],
    ['inside', [{ kind: 'present', key: 'inside' }]],
    ['a.b/c-d:e=x=y!', [{ kind: 'in', key: 'a.b/c-d:e', values: ['x=y!'] }]],
    ['owner="Ann, \\"the\\" boss"', [{ kind: 'in', key: 'owner', values: ['Ann, "the" boss'] }]],
    ['"my key"=""', [{ kind: 'in', key: 'my key', values: [''] }]],
    [
      'key=value,key2!=x,key3 in (a,b),state=failed,!old',
      [
        { kind: 'in', key: 'key', values: ['value'] },
        { kind: 'notIn', key: 'key2', values: ['x'] },
        { kind: 'in', key: 'key3', values: ['a', 'b'] },
        { kind: 'in', key: 'state', values: ['failed'] },
        { kind: 'absent', key: 'old' },
      ],
    ],
  ])('reads the expression %s', (text, expected) => {
    expect(requirementsOf(text)).toEqual(expected);
  });

  it.each<[string, string]>([
    ['', 'the name of a label or an attribute is missing (character 1)'],
    ['a,', 'the name of a label or an attribute is missing (character 3)'],
    ['=b', 'the name of a label or an attribute is missing (character 1)'],
    ['a=', 'a value is missing (character 3)'],
    ['a===b', 'a value is missing (character 4)'],
    ['a=,b', 'a value is missing (character 3)'],
    ['a="b', 'a value is missing (character 3)'],
    ['a b', 'a comma or an operator is missing (character 3)'],
    ['a=b c', 'a comma or an operator is missing (character 5)'],
    ['!a=b', 'a comma or an operator is missing (character 3)'],
    ['a!', 'a comma or an operator is missing (character 2)'],
    ['a in b', '"(" is missing (character 6)'],
    ['a in', '"(" is missing (character 5)'],
    ['a in ()', 'a value is missing (character 7)'],
    ['a in (b', '")" is missing (character 8)'],
    ['a in (b c)', '")" is missing (character 9)'],
    ['state=faild', 'there is no state "faild" (character 7)'],
    ['state in (ready, lots)', 'there is no state "lots" (character 18)'],
  ])('points at what is wrong in the expression %s', (text, why) => {
    expect(errorOf(() => requirementsOf(text))[0]).toBe(
      `Cannot read label expression ${JSON.stringify(text)}: ${why}`,
    );
  });

  it('reads states, and suggests the one that was meant', () => {
    expect(parseSelector({ states: ['failed, lost', 'failed'] }).states).toEqual(['failed', 'lost']);
    expect(errorOf(() => parseSelector({ states: ['faild'] }))).toEqual([
      'Cannot select by state "faild": there is none of this name',
      'Did you mean "failed"?',
    ]);
    expect(errorOf(() => parseSelector({ states: [''] }))[1]).toMatch(/^The states are pending, launching/);
  });

  it('tells when nothing says which machines are meant', () => {
    expect(isEmptySelector(parseSelector({}))).toBe(true);
    expect(isEmptySelector(parseSelector({ exclude: ['web'] }))).toBe(true);
    expect(isEmptySelector(parseSelector({ terms: ['web'] }))).toBe(false);
    expect(isEmptySelector(parseSelector({ labels: ['a'] }))).toBe(false);
    expect(isEmptySelector(parseSelector({ states: ['ready'] }))).toBe(false);
  });

  it('never fails but with a usage error (safety)', () => {
    const piece = fc.constantFrom(
      'web',
      '-0',
      '..',
      '3',
      '*',
      '?',
      '@',
      '=',
      '!',
      ' in ',
      '(',
      ')',
      ',',
      '"',
      '\\',
      ' ',
      '😀',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(fc.constantFrom('terms', 'labels', 'states', 'exclude'), text, (part, word) => {
        try {
          parseSelector({ [part]: [word] });
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads back every expression that is written with quotes (safety)', () => {
    const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
    const word = fc.string({ unit: 'binary', minLength: 0 }).filter((text) => text !== 'state');
    fc.assert(
      fc.property(word, fc.array(word, { minLength: 1 }), (key, values) => {
        const text = `${quoted(key)} in (${values.map(quoted).join(',')})`;
        expect(requirementsOf(text)).toEqual([{ kind: 'in', key, values }]);
      }),
    );
  });
});

describe('fitsGlob()', () => {
  it('is what a regular expression says (safety)', () => {
    const letters = (...units: string[]): fc.Arbitrary<string> =>
      fc.array(fc.constantFrom(...units), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(letters('a', 'b', '-', '0'), letters('a', 'b', '-', '0', '*', '?'), (name, pattern) => {
        const expression = pattern.replaceAll('*', '.*').replaceAll('?', '.');
        expect(fitsGlob(name, pattern)).toBe(new RegExp(`^${expression}$`).test(name));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes no time for many stars', () => {
    expect(fitsGlob('a'.repeat(45), `${'a*'.repeat(40)}b`)).toBe(false);
  });
});
