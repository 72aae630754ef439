import { describe, expect, it } from 'vitest';
import { clip } from '../../../src/cli/render/clip.ts';
import { frame } from '../../../src/cli/render/frame.ts';
import { styleOf } from '../../../src/cli/render/style.ts';
import { ttyRenderer } from '../../../src/cli/render/tty.ts';
import type { Output } from '../../../src/cli/io.ts';
import { collector } from '../command.ts';
import { until } from '../../support/until.ts';
import type { Story } from './story.ts';
import { START, story } from './story.ts';

const PLAIN = styleOf(collector().stream, {}, { noColor: true });

function frameOf(
  own: Story,
  size: { readonly rows: number; readonly columns: number },
  kind: 'up' | 'down' = 'up',
): string {
  const options = { kind, style: PLAIN, startedAt: START, now: own.now(), since: () => START, ...size };
  return frame(own.state, options).join('\n');
}

describe('frame()', () => {
  function halfway(): Story {
    const own = story({ data: { db: 1 }, app: { web: 3, worker: 1 }, check: { smoke: 1 } }, () => undefined);
    own.launch('db', 1);
    for (const step of ['connect', 'bootstrap', 'verify'] as const) own.succeed('db-0', step, 100);
    own.launch('web', 3);
    own.pass(1_000);
    for (const name of ['web-0', 'web-1', 'web-2']) own.succeed(name, 'connect', 100);
    own.succeed('web-0', 'bootstrap', 100);
    own.succeed('web-0', 'verify', 100);
    own.fail('web-1', 'bootstrap', 100);
    return own;
  }

  it('shows levels, the services of those at work, their busy and their failed machines', () => {
    expect(frameOf(halfway(), { rows: 24, columns: 80 })).toBe(
      [
        'web-stack  up  1.8s',
        '✔ data  1/1 ready',
        '● app  1/4 ready',
        '  ● web  1/3 ready, 1 failed, 1 bootstrapping',
        '    ✘ web-1  failed  bootstrap: The script ended with exit code 3',
        '    ● web-2  bootstrapping  1.8s',
        '  ○ worker  0/1 ready',
        '○ check  0/1 ready',
      ].join('\n'),
    );
  });

  it('leaves out machines first, then services, where rows are few, and says how many', () => {
    expect(frameOf(halfway(), { rows: 9, columns: 40 })).toBe(
      [
        'web-stack  up  1.8s',
        '✔ data  1/1 ready',
        '● app  1/4 ready',
        '  ● web  1/3 ready, 1 failed, 1 bootst…',
        '    ✘ web-1  failed  bootstrap: The sc…',
        '  ○ worker  0/1 ready',
        '○ check  0/1 ready',
        '  … 1 more',
      ].join('\n'),
    );
  });

  it('never has more lines than the terminal has rows, nor wider ones than it has columns', () => {
    const own = story(
      Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`level${i}`, { [`s${i}`]: 40 }])),
      () => undefined,
    );
    own.launch('s0', 40);
    for (const rows of [3, 5, 10, 24]) {
      const lines = frameOf(own, { rows, columns: 20 }).split('\n');
      expect(lines.length).toBeLessThan(Math.max(4, rows));
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(21);
    }
  });

  it('shows the way down in reverse, and what goes although it is not wanted', () => {
    const own = halfway();
    own.record(
      {
        type: 'operation-started',
        operation: {
          id: 2,
          kind: 'down',
          owner: 'a',
          planDigest: 'd',
          startedAt: own.now(),
          endedAt: null,
          outcome: null,
        },
      },
      { type: 'machines-dropped', machines: ['smoke-0', 'worker-0'] },
      { type: 'terminate-requested', machines: ['web-0', 'web-1', 'web-2'] },
      { type: 'instances-gone', ids: ['i-web-2'] },
    );
    expect(frameOf(own, { rows: 24, columns: 80 }, 'down')).toBe(
      [
        'web-stack  down  1.8s',
        '✔ check  1/1 terminated',
        '● app  2/4 terminated',
        '  ● web  1/3 terminated, 2 terminating',
        '    ● web-0  terminating  1.8s',
        '    ● web-1  terminating  1.8s',
        '  ✔ worker  1/1 terminated',
        '✔ data  0/1 terminated',
      ].join('\n'),
    );
  });
});

describe('clip()', () => {
  it.each([
    ['short', 10, 'short'],
    ['exactly ten', 11, 'exactly ten'],
    ['a longer one', 8, 'a longe…'],
    ['日本語の文', 10, '日本語の文'],
    ['日本語の文字', 10, '日本語の…'],
    ['tab\there\u001b[31m', 20, 'tab here [31m'],
  ])('cuts %j to %i columns: %j', (text, width, expected) => {
    expect(clip(text, width)).toBe(expected);
  });
});

describe('ttyRenderer()', () => {
  function terminal(): ReturnType<typeof collector> & { readonly stream: Output } {
    return collector({ columns: 80, rows: 24 });
  }

  it('draws while things happen, keeps warnings and messages, and leaves nothing of a success', async () => {
    const output = terminal();
    const clock = { now: () => START };
    const renderer = ttyRenderer({
      output: output.stream,
      style: PLAIN,
      clock,
      kind: 'up',
      verbose: true,
    });
    const own = story({ data: { db: 1 } }, (event, state) => renderer.event(event, state));
    clock.now = () => own.now();
    own.launch('db', 1);
    await until(() => output.text().includes('db-0  connecting  0.0s'));
    own.tell({ type: 'warning', message: 'the moon is full' });
    own.tell({ type: 'step-began', machine: 'db-0', step: 'connect', attempt: 1 });
    own.tell({ type: 'output', machine: 'db-0', step: 'bootstrap', lines: ['hello'] });
    own.tell({ type: 'api-calls', provider: 'west', calls: { RunInstances: 1 }, machines: 2 });
    renderer.note('a message');
    for (const step of ['connect', 'bootstrap', 'verify'] as const) own.succeed('db-0', step, 100);
    const before = output.text().length;
    renderer.finish({ outcome: 'succeeded', state: own.state, worked: true });
    expect(output.text()).toContain('warning: the moon is full\n');
    expect(output.text()).toContain('db-0 bootstrap | hello\n');
    expect(output.text()).toContain('west: 1 API call, 0.5 a machine (RunInstances 1)\n');
    expect(output.text()).toContain('a message\n');
    expect(output.text().slice(before)).toContain('✔ data  1/1 ready');
    expect(output.text().slice(output.text().lastIndexOf('ready') + 5)).toContain('\u001b[2K');
  });

  it('keeps the last drawing of a failure', () => {
    const output = terminal();
    const renderer = ttyRenderer({
      output: output.stream,
      style: PLAIN,
      clock: { now: () => START },
      kind: 'up',
      verbose: false,
    });
    const own = story({ data: { db: 1 } }, (event, state) => renderer.event(event, state));
    own.record({ type: 'terminate-requested', machines: [] });
    own.launch('db', 1);
    own.fail('db-0', 'connect', 100);
    renderer.finish({ outcome: 'failed', state: own.state, worked: true });
    expect(output.text()).toMatch(/✘ db-0 {2}failed {2}connect: [^\n]*\n\u001b\[\?2026l$/);
  });

  it('draws nothing when nothing happened', () => {
    const output = terminal();
    ttyRenderer({
      output: output.stream,
      style: PLAIN,
      clock: { now: () => START },
      kind: 'up',
      verbose: false,
    }).finish(null);
    expect(output.text()).not.toContain('web-stack');
  });
});
