import { describe, expect, it } from 'vitest';
import { plainRenderer } from '../../../src/cli/render/plain.ts';
import { styleOf } from '../../../src/cli/render/style.ts';
import { collector } from '../command.ts';
import type { Story } from './story.ts';
import { START, story } from './story.ts';

/** What the plain renderer prints of a story. */
function shown(levels: Parameters<typeof story>[0], { verbose = false }, tell: (own: Story) => void): string {
  const output = collector();
  const style = styleOf(output.stream, {}, { noColor: true });
  const clock = { now: () => START };
  const renderer = plainRenderer({ output: output.stream, style, clock, verbose });
  const own = story(levels, (event, state) => renderer.event(event, state));
  clock.now = () => own.now();
  tell(own);
  renderer.finish({ outcome: 'succeeded', state: own.state, worked: true });
  return output.text();
}

function bootOne(own: Story): void {
  own.launch('db', 1);
  own.pass(100);
  own.succeed('db-0', 'connect', 100);
  own.record({ type: 'step-started', machine: 'db-0', generation: 1, step: 'bootstrap', attempt: 1 });
  own.tell({ type: 'step-began', machine: 'db-0', step: 'bootstrap', attempt: 1 });
  own.tell({ type: 'output', machine: 'db-0', step: 'bootstrap', lines: ['one', 'two'] });
  own.pass(800);
  own.succeed('db-0', 'bootstrap', 800);
  own.pass(50);
  own.succeed('db-0', 'verify', 50);
  own.record({ type: 'operation-ended', id: 1, outcome: 'succeeded' });
}

describe('plainRenderer()', () => {
  it('prints one line per event with its time, machine, step and duration', () => {
    expect(shown({ data: { db: 1 } }, {}, bootOne)).toBe(
      [
        '  0.0s  web-stack  plan recorded: 1 level, 1 machine',
        '  0.0s  web-stack  up by ann@host',
        '  0.4s  db-0  launched in 0.4s',
        '  0.5s  db-0  connected in 0.1s',
        '  1.3s  db-0  bootstrapped in 0.8s',
        '  1.4s  db-0  verified in 0.1s',
        '',
      ].join('\n'),
    );
  });

  it('prints beginnings and what scripts print with -v', () => {
    const text = shown({ data: { db: 1 } }, { verbose: true }, bootOne);
    expect(text).toContain('  0.0s  db-0  launching\n');
    expect(text).toContain(
      '  0.5s  db-0  bootstrap begins\n  0.5s  db-0  bootstrap | one\n  0.5s  db-0  bootstrap | two\n',
    );
  });

  it('prints how often APIs were called, with -v', () => {
    const tell = (own: Story): void => {
      const calls = { RunInstances: 2, DescribeInstances: 12 };
      for (const machines of [35, 4, 1_150, 1, 0])
        own.tell({ type: 'api-calls', provider: 'west', calls, machines });
      own.tell({ type: 'api-calls', provider: 'east', calls: { RunInstances: 1 }, machines: 1 });
    };
    expect(shown({ data: { db: 1 } }, {}, tell)).not.toContain('API');
    const all = '(RunInstances 2, DescribeInstances 12)';
    expect(
      shown({ data: { db: 1 } }, { verbose: true }, tell)
        .split('\n')
        .slice(-7),
    ).toEqual([
      `  0.0s  west: 14 API calls, 0.4 a machine ${all}`,
      `  0.0s  west: 14 API calls, 3.5 a machine ${all}`,
      `  0.0s  west: 14 API calls, 0.012 a machine ${all}`,
      `  0.0s  west: 14 API calls, 14 a machine ${all}`,
      `  0.0s  west: 14 API calls ${all}`,
      '  0.0s  east: 1 API call, 1 a machine (RunInstances 1)',
      '',
    ]);
  });

  it('gives machines of a service to which the same happens at a time one line when they are more than 20', () => {
    const text = shown({ app: { web: 21, db: 20 } }, {}, (own) => {
      own.launch('web', 21);
      own.launch('db', 20);
      for (let i = 0; i < 21; i += 1) own.succeed(`web-${i}`, 'bootstrap', 100 * i);
    });
    expect(text).toContain('  0.4s  web  launched: 21 machines (web-0 … web-20), the slowest in 0.4s\n');
    expect(text).toContain('  0.8s  web  bootstrapped: 21 machines (web-0 … web-20), the slowest in 2.0s\n');
    expect(text.match(/ db-\d+ {2}launched/g)).toHaveLength(20);
  });

  it('keeps lines in the order in which things happened', () => {
    const text = shown({ app: { web: 2 } }, {}, (own) => {
      own.launch('web', 2);
      own.succeed('web-0', 'bootstrap', 1);
      own.succeed('web-0', 'verify', 1);
      own.succeed('web-1', 'bootstrap', 1);
      own.succeed('web-1', 'verify', 1);
    });
    expect(text.match(/web-\d {2}(bootstrapped|verified)/g)).toEqual([
      'web-0  bootstrapped',
      'web-0  verified',
      'web-1  bootstrapped',
      'web-1  verified',
    ]);
  });

  it('prints a failure, whether it is tried again, and warnings', () => {
    const text = shown({ data: { db: 1 } }, {}, (own) => {
      own.launch('db', 1);
      own.pass(3_000);
      own.fail('db-0', 'bootstrap', 3_000, { gaveUp: false });
      own.fail('db-0', 'bootstrap', 3_000);
      own.record({ type: 'instance-condemned', machine: 'db-0', generation: 1, cause: 'never reachable' });
      own.tell({ type: 'warning', message: 'the moon is full' });
    });
    expect(text).toContain(
      '  3.4s  db-0  bootstrap failed after 3.0s: The script ended with exit code 3 (tries again)\n',
    );
    expect(text).toContain('  3.4s  db-0  bootstrap failed after 3.0s: The script ended with exit code 3\n');
    expect(text).toContain(
      '  3.4s  db-0  to be replaced: never reachable\n  3.4s  warning: the moon is full\n',
    );
  });

  it('costs little for a thousand machines', () => {
    const text = shown({ app: { web: 1_000 } }, {}, (own) => {
      own.launch('web', 1_000);
      for (const step of ['connect', 'bootstrap', 'verify'] as const)
        for (let i = 0; i < 1_000; i += 1) own.succeed(`web-${i}`, step, 10);
    });
    expect(text.split('\n')).toHaveLength(7);
  });
});
