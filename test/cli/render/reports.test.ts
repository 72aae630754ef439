import { describe, expect, it } from 'vitest';
import { failureReport, interruptedReport } from '../../../src/cli/render/failure-report.ts';
import { readyReport } from '../../../src/cli/render/ready-report.ts';
import { styleOf } from '../../../src/cli/render/style.ts';
import { createTimeline } from '../../../src/cli/render/timeline.ts';
import { collector } from '../command.ts';
import type { Story } from './story.ts';
import { START, story } from './story.ts';

const OPTIONS = {
  style: styleOf(collector().stream, {}, { noColor: true }),
  next: {
    up: 'plan up p.yml',
    down: 'plan down web-stack',
    repair: 'plan repair web-stack',
    status: 'plan status web-stack',
    logs: (name: string) => `plan logs ${name}`,
  },
  logPath: (path: string) => `.plan/${path}`,
};

function readyMachine(own: Story, name: string): void {
  for (const step of ['connect', 'bootstrap', 'verify'] as const)
    own.succeed(name, step, step === 'bootstrap' ? 300 : 10);
}

describe('readyReport()', () => {
  it('lists what is ready with addresses, many machines of a service in a line, and where the time went', () => {
    const timeline = createTimeline(START);
    const own = story({ data: { db: 1, none: 0 }, app: { web: 13 } }, (event, state) =>
      timeline.note(event, state),
    );
    own.launch('db', 1);
    own.pass(600);
    readyMachine(own, 'db-0');
    own.launch('web', 13);
    own.pass(1_000);
    for (let i = 0; i < 13; i += 1) readyMachine(own, `web-${i}`);
    expect(readyReport(own.state, timeline, own.now(), OPTIONS)).toEqual([
      '✔ web-stack is ready in 2.4s: 2 levels, 14 machines',
      '',
      '  data',
      '    db-0  127.0.0.1',
      '    none  no machines asked for',
      '',
      '  app',
      '    web  13 machines: web-0 127.0.0.1 … web-12 127.0.0.13',
      '',
      'Where the time went:',
      '  data    1.0s  slowest: launch of db-0, 0.4s',
      '  app     1.4s  slowest: launch of web-0, 0.4s',
      '',
      'Next: plan status web-stack',
      '      plan down web-stack',
    ]);
  });
});

it('readyReport() names the machines beyond min that failed', () => {
  const timeline = createTimeline(START);
  const own = story({ app: { web: 7 } }, (event, state) => timeline.note(event, state));
  own.launch('web', 7);
  readyMachine(own, 'web-0');
  for (let i = 1; i < 7; i += 1) own.fail(`web-${i}`, 'bootstrap', 100);
  const lines = readyReport(own.state, timeline, own.now(), OPTIONS);
  expect(lines[0]).toBe('✔ web-stack is ready in 0.4s: 1 level, 1 machine (6 fewer than asked for)');
  expect(lines.slice(5, 12)).toEqual([
    'Not ready, and not needed:',
    '  web-1  bootstrap failed: The script ended with exit code 3',
    '  web-2  bootstrap failed: The script ended with exit code 3',
    '  web-3  bootstrap failed: The script ended with exit code 3',
    '  web-4  bootstrap failed: The script ended with exit code 3',
    '  web-5  bootstrap failed: The script ended with exit code 3',
    '  … and 1 more: plan status web-stack',
  ]);
});

it('reports tell once what happened to several machines and left no log', () => {
  const own = story({ app: { web: 16 } }, () => undefined);
  const timeline = createTimeline(START);
  own.launch('web', 1);
  readyMachine(own, 'web-0');
  const machines = Array.from({ length: 15 }, (_, i) => ({ name: `web-${i + 1}`, generation: 1 }));
  const request = { sensitive: '{}' };
  own.record(
    {
      type: 'launch-requested',
      batch: { number: 2, service: 'web', provider: 'west', machines, min: 1, token: 't', request },
    },
    {
      type: 'launch-refused',
      batch: 2,
      failed: {
        failure: {
          step: 'launch',
          reason: 'refused',
          message: 'Cannot launch: the quota is full',
          exitCode: null,
          logTail: [],
          logPath: null,
        },
        gaveUp: true,
        retryAt: null,
      },
    },
  );
  const names = Array.from({ length: 12 }, (_, i) => `web-${i + 1}`).join(', ');
  const line = `  ${names} and 3 more  launch failed: Cannot launch: the quota is full`;
  expect(readyReport(own.state, timeline, own.now(), OPTIONS)).toContain(line);
  const failed = failureReport('up', own.state, OPTIONS);
  expect(failed[0]).toBe('✘ Cannot bring "web-stack" up: 15 of 16 machines failed');
  expect(failed.filter((text) => text.includes('quota'))).toEqual([line]);
});

describe('failureReport()', () => {
  it('tells of the first failure all, of the next ones less, and counts the rest', () => {
    const own = story({ app: { web: 7 }, above: { top: 1 } }, () => undefined);
    own.launch('web', 7);
    const logTail = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    for (let i = 0; i < 7; i += 1) own.fail(`web-${i}`, 'bootstrap', 100, { logTail });
    const lines = failureReport('up', own.state, OPTIONS);
    expect(lines.slice(0, 3)).toEqual([
      '✘ Cannot bring "web-stack" up: 7 of 8 machines failed',
      '',
      '  web-0  bootstrap failed (exit code 3): The script ended with exit code 3',
    ]);
    expect(lines.filter((line) => line.startsWith('    | '))).toHaveLength(20 + 4 * 5);
    expect(lines.slice(-6)).toEqual([
      '  … and 2 more: plan status web-stack',
      '',
      'Still running: 7 machines (web-0, web-1, web-2, web-3, web-4, web-5, web-6)',
      'Next: plan up p.yml',
      '      plan logs web-0',
      '      plan down web-stack',
    ]);
  });

  it('tells of a down only what failed on the way down', () => {
    const own = story({ app: { web: 3 } }, () => undefined, 'down');
    own.launch('web', 3);
    own.fail('web-0', 'bootstrap', 100, { gaveUp: false });
    own.fail('web-1', 'teardown', 100);
    expect(failureReport('down', own.state, OPTIONS)).toEqual([
      '✘ Cannot take "web-stack" down: 1 of 3 machines failed',
      '',
      '  web-1  teardown failed (exit code 3): The script ended with exit code 3',
      '    | no disk',
      '    | good bye',
      '    log: .plan/logs/web-1.log',
      '',
      'Still running: 3 machines (web-0, web-1, web-2)',
      'Next: plan down web-stack',
      '      plan logs web-1',
    ]);
  });

  it('points at what was said before when no machine failed', () => {
    const own = story({ app: { web: 1 } }, () => undefined, 'down');
    expect(failureReport('down', own.state, OPTIONS)).toEqual([
      '✘ Cannot take "web-stack" down: see above',
      '',
      'Nothing is left running.',
      'Next: plan down web-stack',
    ]);
  });
});

describe('interruptedReport()', () => {
  it('says what is left running and how to go on', () => {
    const own = story({ app: { web: 20 } }, () => undefined);
    own.launch('web', 20);
    expect(interruptedReport('up', own.state, OPTIONS)).toEqual([
      '✘ Interrupted: what was done so far is recorded',
      `Still running: 20 machines (${Array.from({ length: 12 }, (_, i) => `web-${i}`).join(', ')} and 8 more)`,
      'Next: plan up p.yml',
      '      plan down web-stack',
    ]);
    expect(interruptedReport('down', null, OPTIONS)).toEqual([
      '✘ Interrupted: what was done so far is recorded',
      'Next: plan down web-stack',
    ]);
  });
});
