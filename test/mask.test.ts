import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMask, maskable } from '../src/mask.ts';
import type { Mask, MaskStream } from '../src/mask.ts';

/** The masked bytes of chunks. */
function streamed(mask: Mask, chunks: readonly Buffer[]): Buffer {
  const stream: MaskStream = mask.stream();
  return Buffer.concat([...chunks.map((chunk) => stream.push(chunk)), stream.end()]);
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].sort(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

describe('createMask()', () => {
  it('hides a value wherever it stands', () => {
    const mask = createMask(['hunter22']);
    expect(mask.text('hunter22 is my hunter22, ahunter22b')).toBe('*** is my ***, a***b');
  });

  it('answers a text without values as it is', () => {
    const text = 'nothing \ud800 to see';
    expect(createMask(['hunter22']).text(text)).toBe(text);
  });

  it('hides the longest of several values', () => {
    expect(createMask(['secret', 'secret-and-more', 'cret']).text('secret-and-more secret')).toBe('*** ***');
  });

  it('hides values that overlap together', () => {
    expect(createMask(['abcdef', 'defghi']).text('xabcdefghix')).toBe('x***x');
    expect(createMask(['aaaa']).text('baaaaaaab')).toBe('b***b');
  });

  it('hides values side by side one by one', () => {
    expect(createMask(['abcd']).text('abcdabcd')).toBe('******');
  });

  it('hides every line of a value of several lines', () => {
    const key = '-----BEGIN KEY-----\n  AbCdEf123\r\nxyz\n-----END KEY-----\n';
    const mask = createMask([key]);
    expect(mask.text(`<${key}>`)).toBe('<***>');
    expect(mask.text('a AbCdEf123 b xyz')).toBe('a *** b xyz');
  });

  it('hides how JSON, URIs and base64 write a value', () => {
    const value = 'pa"ss\nword é/+';
    const mask = createMask([value]);
    const base64 = Buffer.from(value).toString('base64');
    expect(mask.text(JSON.stringify({ value }))).toBe('{"value":"***"}');
    expect(mask.text(`?q=${encodeURIComponent(value)}&r`)).toBe('?q=***&r');
    expect(mask.text(`${base64} ${base64.replace(/=+$/, '')}`)).toBe('*** ***');
  });

  it('takes values that are not well-formed', () => {
    expect(createMask(['abc\ud800def']).text('abc\ud800def')).toBe('***');
  });

  it('ignores values of fewer than 4 characters', () => {
    expect(createMask(['abc', '', ' a  ']).text('abc a  b')).toBe('abc a  b');
    expect(maskable('abc\n')).toBe(false);
    expect(maskable('abcd')).toBe(true);
  });

  it('learns more values', () => {
    const mask = createMask([]).with(['first']).with(['second']);
    expect(mask.text('first second third')).toBe('*** *** third');
  });

  it('does not copy what it has nothing to hide in', () => {
    const chunk = Buffer.from('anything');
    const stream = createMask(['abc']).stream();
    expect(stream.push(chunk)).toBe(chunk);
    expect(stream.end()).toHaveLength(0);
  });
});

describe('MaskStream', () => {
  it('holds back only what may begin a value', () => {
    const stream = createMask(['hunter22']).stream();
    expect(stream.push(Buffer.from('pass hu')).toString()).toBe('pass ');
    expect(stream.push(Buffer.from('nter2')).toString()).toBe('');
    expect(stream.push(Buffer.from('2 bye')).toString()).toBe('*** bye');
    expect(stream.push(Buffer.from(' hunter')).toString()).toBe(' ');
    expect(stream.end().toString()).toBe('hunter');
  });

  it('hides a value that comes byte by byte', () => {
    const bytes = Buffer.from('é hunter22 é');
    expect(
      streamed(
        createMask(['hunter22']),
        [...bytes].map((byte) => Buffer.from([byte])),
      ).toString(),
    ).toBe('é *** é');
  });

  it('leaves bytes that are no text alone', () => {
    const noise = Buffer.from([0, 255, 254, 128, 10, 0]);
    const bytes = Buffer.concat([noise, Buffer.from('hunter22'), noise]);
    expect(streamed(createMask(['hunter22']), [bytes])).toEqual(
      Buffer.concat([noise, Buffer.from('***'), noise]),
    );
  });

  it('is a pure function of the bytes, however they are cut', () => {
    const letters = fc.constantFrom('a', 'b', 'é', '\n', '"');
    const word = fc.string({ unit: letters, minLength: 4, maxLength: 9 });
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 5 }),
        fc.array(fc.oneof(word, fc.string({ unit: letters, maxLength: 6 })), { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (values, parts, places) => {
          const mask = createMask(values);
          const text = [...parts, ...values].join('');
          const bytes = Buffer.from(text);
          expect(streamed(mask, cut(bytes, places)).toString()).toBe(mask.text(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('lets no value through', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 4, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.array(word), (values, parts) => {
        const shown = createMask(values).text([...parts, ...values].join('-'));
        for (const value of values) expect(shown).not.toContain(value);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps up with a fast script when it knows a thousand values', () => {
    const mask = createMask(Array.from({ length: 1_000 }, (_, index) => `token-${index}-${index * 7_919}`));
    const chunk = Buffer.from('a line that a build prints, token by token\n'.repeat(1_500));
    const stream = mask.stream();
    // A hundred times this chunk is 6 MB; a search value by value would take a minute.
    const { user: before } = process.cpuUsage();
    for (let count = 0; count < 100; count += 1) stream.push(chunk);
    expect(process.cpuUsage().user - before).toBeLessThan(10_000_000);
  });
});
