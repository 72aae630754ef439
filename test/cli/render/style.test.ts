import { describe, expect, it } from 'vitest';
import { styleOf } from '../../../src/cli/render/style.ts';
import { collector } from '../command.ts';

describe('styleOf()', () => {
  it.each<[what: string, isTTY: boolean, env: Record<string, string>, noColor: boolean, coloured: boolean]>([
    ['a terminal', true, {}, false, true],
    ['a pipe', false, {}, false, false],
    ['a terminal with --no-color', true, {}, true, false],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false, false],
    ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, false, true],
    ['a dumb terminal', true, { TERM: 'dumb' }, false, false],
    ['a pipe with FORCE_COLOR', false, { FORCE_COLOR: '1' }, false, true],
    ['a dumb terminal with FORCE_COLOR', true, { FORCE_COLOR: '1', TERM: 'dumb' }, false, true],
    ['a terminal with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false, false],
    ['a terminal with both', true, { FORCE_COLOR: '1', NO_COLOR: '1' }, false, false],
  ])('of %s', (_, isTTY, env, noColor, coloured) => {
    const { stream } = collector(isTTY ? { columns: 80, rows: 24 } : undefined);
    expect(styleOf(stream, env, { noColor }).bad('x')).toBe(coloured ? '\u001b[31mx\u001b[39m' : 'x');
  });
});
