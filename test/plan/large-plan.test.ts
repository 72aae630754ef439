import { describe, expect, it } from 'vitest';
import { read, resolve } from './memory.ts';

/** A plan of many lines: services of a level know of one another and of the level before. */
function largePlan(lines: number, perLevel: number): string {
  const text = [
    'version: 1',
    'name: large',
    'inputs: { n: { default: 1 } }',
    'defaults: { env: { A: "{{inputs.n}}" } }',
    'levels:',
  ];
  for (let level = 0; text.length < lines; level++) {
    text.push(`  - name: l${level}`, '    services:');
    for (let i = 0; i < perLevel && text.length < lines; i++) {
      text.push(
        `      s${level}x${i}:`,
        '        env:',
        `          BEFORE: "{{services.s${Math.max(0, level - 1)}x0.hostname}}"`,
        `          PEERS: "{{join services.s${level}x0.all.hostname ','}}"`,
        '        bootstrap: { run: echo hello, args: ["{{self.index}}"] }',
        '        verify: { tcp: 7070 }',
      );
    }
  }
  return `${text.join('\n')}\n`;
}

/** Many times what it takes on an idle machine: it fails on quadratic time, not on a busy machine. */
const BOUND = 10_000;

describe('a plan of 10,000 lines', () => {
  it.each([1, 10, 2_000])('with %i services in a level is read in bounded time', (perLevel) => {
    const started = performance.now();
    const { plan, problems } = resolve(read(largePlan(10_000, perLevel)));
    expect(problems).toEqual([]);
    expect(plan?.levels.flatMap((level) => level.services).length).toBeGreaterThan(1_000);
    expect(performance.now() - started).toBeLessThan(BOUND);
  });

  it('has all of its mistakes reported, each one once', () => {
    const text = largePlan(10_000, 10)
      .replaceAll('tcp: 7070', 'tpc: 7070')
      .replaceAll('self.index', 'self.indx');
    const mistakes = text.split('tpc: ').length - 1;
    const started = performance.now();
    const { problems } = resolve(read(text));
    expect(problems).toHaveLength(2 * mistakes);
    expect(performance.now() - started).toBeLessThan(BOUND);
  });
});
