import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMarkerStream } from '../../src/connection/marker-stream.ts';

function split(nonce: string, chunks: readonly Buffer[]): readonly string[] {
  const seen: string[] = [];
  let data = '';
  const feed = createMarkerStream(nonce, {
    onData: (chunk) => (data += chunk.toString('latin1')),
    onMarker: (word, rest) => {
      seen.push(`data ${data}`, `marker ${word}|${rest}`);
      data = '';
    },
  });
  chunks.forEach(feed);
  return [...seen, `data ${data}`];
}

describe('createMarkerStream()', () => {
  it('tells markers from data wherever the stream is cut', () => {
    const piece = fc.constantFrom(
      'N',
      'NO',
      'NONCE',
      'NONCE ',
      'a',
      '\n',
      ' ',
      'NONCE word\n',
      'NONCE word two three\n',
      'NNONCE x\n',
    );
    const property = fc.property(fc.array(piece), fc.array(fc.nat(60)), (pieces, cuts) => {
      const whole = Buffer.from(pieces.join(''));
      const places = [0, ...cuts.toSorted((a, b) => a - b), whole.length];
      const chunks = places
        .slice(1)
        .map((end, i) => whole.subarray(Math.min(places[i] ?? 0, whole.length), end));
      const strip = (seen: readonly string[]) => seen.slice(0, -1);
      expect(strip(split('NONCE', chunks))).toEqual(strip(split('NONCE', [whole])));
    });
    fc.assert(property);
  });

  it('holds back only what may become a marker', () => {
    expect(split('NONCE', [Buffer.from('text NON')])).toEqual(['data text ']);
    expect(split('NONCE', [Buffer.from('text NON'), Buffer.from('!')])).toEqual(['data text NON!']);
    expect(split('NONCE', [Buffer.from('aNONCE e'), Buffer.from('xit 3\nb')])).toEqual([
      'data a',
      'marker exit|3',
      'data b',
    ]);
  });
});
