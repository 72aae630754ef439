import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { withEscape } from '../../src/cli/escape.ts';

/** What is passed on of pieces that are typed, and how often that was left. */
async function typed(...pieces: readonly string[]): Promise<readonly [string, number]> {
  let left = 0;
  const stream = withEscape(() => (left += 1));
  for (const piece of pieces) stream.write(piece);
  stream.end();
  return [await text(stream), left];
}

describe('withEscape()', () => {
  it.each([
    [['ls -l\r'], 'ls -l\r', 0],
    [['~.'], '', 1],
    [['x\r', '~', '.'], 'x\r', 1],
    [['x\n~.more'], 'x\n', 1],
    [['a~.'], 'a~.', 0],
    [['~~.'], '~.', 0],
    [['~user\r'], '~user\r', 0],
    [['~', '\r~.'], '~\r', 1],
    [['größe ~ €\r'], 'größe ~ €\r', 0],
  ])('of %j passes %j on and leaves %i times', async (pieces, passed, left) => {
    expect(await typed(...pieces)).toEqual([passed, left]);
  });
});
