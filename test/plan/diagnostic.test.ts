import { describe, expect, it } from 'vitest';
import type { Problem } from '../../src/plan/diagnostic.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';

const problem: Problem = {
  file: 'plan.yml',
  line: 3,
  column: 5,
  message: 'Cannot use key "cuont": a service has no such key',
  source: '    cuont: 3',
  length: 5,
  suggestion: 'Did you mean "count"?',
};

function format(over: Partial<Problem>): string {
  return formatProblems([{ ...problem, suggestion: null, message: 'm', ...over }]);
}

describe('formatProblems()', () => {
  it('is empty when there are none', () => {
    expect(formatProblems([])).toBe('');
  });

  it('shows place, message, source line, caret and suggestion', () => {
    expect(formatProblems([problem])).toBe(
      [
        'plan.yml:3:5: Cannot use key "cuont": a service has no such key',
        '      cuont: 3',
        '      ^^^^^',
        '  Did you mean "count"?',
        '',
      ].join('\n'),
    );
  });

  it('leaves out the line and the caret where there is no text', () => {
    expect(format({ source: '', column: 1 })).toBe('plan.yml:3:1: m\n');
  });

  it('keeps tabs before the caret, and counts wide and combining characters by their width', () => {
    expect(format({ source: '\ta: b', column: 5, length: 1 })).toBe('plan.yml:3:5: m\n  \ta: b\n  \t   ^\n');
    expect(format({ source: '名前: x', column: 5, length: 1 })).toBe(
      'plan.yml:3:5: m\n  名前: x\n        ^\n',
    );
    expect(format({ source: 'e\u0301: x', column: 5, length: 1 })).toBe(
      'plan.yml:3:5: m\n  e\u0301: x\n     ^\n',
    );
    expect(format({ source: '😀: 名前', column: 4, length: 2 })).toBe(
      'plan.yml:3:4: m\n  😀: 名前\n      ^^^^\n',
    );
  });

  it('shows the part of a long line that the caret is in', () => {
    const text = format({ source: `${'a'.repeat(500)}HERE${'b'.repeat(500)}`, column: 501, length: 4 });
    const [, line = '', caret = ''] = text.split('\n');
    expect(line.startsWith('  …a')).toBe(true);
    expect(line.endsWith('b…')).toBe(true);
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('HERE');
    expect(line.length).toBeLessThan(220);
  });

  it('passes no control character on to the terminal', () => {
    const text = format({ source: 'a\u001b[31m: \u202eb', message: 'x\u0007\ny', file: 'a\u009b.yml' });
    expect(
      Array.from(text).filter(
        (c) => c !== '\n' && (c < ' ' || (c >= '\u007f' && c <= '\u009f') || c === '\u202e'),
      ),
    ).toEqual([]);
  });

  it('puts a caret even at the end of a line', () => {
    expect(format({ source: 'ab', column: 3, length: 1 })).toBe('plan.yml:3:3: m\n  ab\n    ^\n');
    expect(format({ source: 'ab', column: 99, length: 1 })).toContain('\n    ^\n');
  });
});
