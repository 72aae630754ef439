import { describe, expect, it } from 'vitest';
import type { MachineEnd } from '../../../src/api/perform-tend.ts';
import { styleOf } from '../../../src/cli/render/style.ts';
import { tendReport } from '../../../src/cli/render/tend-report.ts';
import { collector } from '../command.ts';
import { story } from './story.ts';

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

const end = (machine: string, became: MachineEnd['became']): MachineEnd => ({
  machine,
  became,
  failure: null,
});

function replaced(...machines: readonly MachineEnd[]) {
  const own = story({ data: { db: 2 }, app: { web: 1 } }, () => undefined);
  own.launch('db', 2);
  own.launch('web', 1);
  own.fail('web-0', 'bootstrap', 100);
  return { outcome: 'failed', state: own.state, worked: true, machines } as const;
}

describe('tendReport()', () => {
  it('tells of a replacement that others depend on which of these failed', () => {
    const lines = tendReport('replace', replaced(end('db-0', 'done'), end('db-1', 'done')), OPTIONS);
    expect(lines[0]).toBe('✘ Cannot replace all machines of "web-stack": another machine failed');
    expect(lines[2]).toMatch(/^ {2}web-0 {2}bootstrap failed/);
    expect(lines).toContain('  replaced: db-0, db-1');
    expect(lines).toContain('  failed: web-0');
    expect(lines.slice(-3)).toEqual([
      'Next: plan up p.yml',
      '      plan logs web-0',
      '      plan status web-stack',
    ]);
  });

  it('tells what was not begun, and the command that goes on', () => {
    const result = replaced(end('db-0', 'done'), end('db-1', 'not-reached'));
    const again = 'plan replace db-1 -d web-stack';
    const lines = tendReport('replace', result, { ...OPTIONS, next: { ...OPTIONS.next, again } });
    expect(lines).toContain('  not replaced: db-1');
    expect(lines).toContain('Nothing more was begun after the first failure.');
    expect(lines).toContain(`Next: ${again}`);
  });

  it('names what starts again that which does not come back by itself', () => {
    const own = story({ app: { web: 1 } }, () => undefined);
    own.launch('web', 1);
    own.fail('web-0', 'verify', 100);
    const { failure = null } = own.state.machines.get('web-0') ?? {};
    const machines = [{ ...end('web-0', 'failed'), failure }];
    const lines = tendReport(
      'reboot',
      { outcome: 'failed', state: own.state, worked: true, machines },
      OPTIONS,
    );
    expect(lines).toContain('      plan repair web-stack  (bootstraps again what does not verify)');
  });

  it('tells of an interruption, and of machines to which nothing was done', () => {
    const { state } = replaced();
    const machines = [end('db-0', 'already'), end('db-1', 'absent'), end('web-0', 'not-reached')];
    const lines = tendReport('stop', { outcome: 'interrupted', state, worked: true, machines }, OPTIONS);
    expect(lines.slice(0, 5)).toEqual([
      '✘ Interrupted: what was done so far is recorded',
      '',
      '  stopped already: db-0',
      '  without an instance: db-1',
      '  not stopped: web-0',
    ]);
  });
});
