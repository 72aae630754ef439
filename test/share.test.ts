import { describe, expect, it } from 'vitest';
import { parseShare, roomOf } from '../src/share.ts';

describe('parseShare()', () => {
  it.each([
    ['1', 1],
    ['20', 20],
    ['25%', '25%'],
    ['100%', '100%'],
  ])('reads %j', (text, share) => {
    expect(parseShare(text)).toBe(share);
  });

  it.each(['0', '0%', '101%', '-1', '1.5', '', '%', 'two', ' 1'])('refuses %j', (text) => {
    expect(parseShare(text)).toBeUndefined();
  });
});

describe('roomOf()', () => {
  it('rounds a share up, and never says that nothing may be done', () => {
    expect(roomOf('25%', 10)).toBe(3);
    expect(roomOf('1%', 3)).toBe(1);
    expect(roomOf(7, 3)).toBe(7);
  });
});
