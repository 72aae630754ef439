import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MachineOutcome } from '../../../src/api/fleet-work.ts';
import type { GlobalFlags } from '../../../src/cli/global-flags.ts';
import { fleetLine } from '../../../src/cli/render/fleet-json.ts';
import { groupsOf } from '../../../src/cli/render/fleet-groups.ts';
import { prefixedLines } from '../../../src/cli/render/fleet-lines.ts';
import { fleetProgress } from '../../../src/cli/render/fleet-progress.ts';
import { fleetReport } from '../../../src/cli/render/fleet-report.ts';
import { ranges } from '../../../src/cli/render/ranges.ts';
import { styleOf } from '../../../src/cli/render/style.ts';
import { writeTo } from '../../../src/cli/render/write-to.ts';
import { collector } from '../command.ts';

const plain = styleOf(new PassThrough(), {}, { noColor: true });

describe('ranges()', () => {
  it('names machines as a selector does, neighbours together', () => {
    expect(ranges([])).toBe('');
    expect(ranges(['web-3', 'web-1', 'db-0', 'web-2', 'web-7', 'big-web-10', 'big-web-9'])).toBe(
      'web-1..3 web-7 db-0 big-web-9..10',
    );
  });
});

describe('prefixedLines()', () => {
  it('answers the same however the bytes are cut, and loses none', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '\n', 'bc', '\n\n', 'é'), { maxLength: 12 }), (pieces) => {
        const lines = prefixedLines('x | ');
        const text = Buffer.concat([...pieces.map((piece) => lines.push(Buffer.from(piece))), lines.end()]);
        const whole = pieces.join('').replace(/\n$/, '');
        const wanted =
          pieces.length === 0 || pieces.join('') === '' ? '' : `x | ${whole.replaceAll('\n', '\nx | ')}\n`;
        expect(text.toString()).toBe(wanted);
      }),
    );
  });

  it('breaks a line that is too long to be kept', () => {
    const lines = prefixedLines('x | ');
    const long = Buffer.alloc(1024 * 1024, 'y');
    expect(lines.push(long).toString()).toBe(`x | ${long.toString()}\n`);
    expect(lines.push(Buffer.from('z\n')).toString()).toBe('x | z\n');
  });
});

describe('groupsOf()', () => {
  it('puts together what is the same byte for byte, and leaves out what is nothing', () => {
    const [a, b] = [Buffer.of(0xff), Buffer.of(0xfe)];
    expect(
      groupsOf([
        { machine: 'web-0', bytes: a },
        { machine: 'web-1', bytes: b },
        { machine: 'web-2', bytes: Buffer.alloc(0) },
        { machine: 'web-3', bytes: a },
      ]),
    ).toEqual([
      { machines: ['web-0', 'web-3'], bytes: a },
      { machines: ['web-1'], bytes: b },
    ]);
  });
});

describe('fleetReport()', () => {
  it('shows each machine that failed, those that had no turn together, advice once, and where the logs are', () => {
    const outcomes: readonly MachineOutcome<number>[] = [
      { kind: 'ended', value: 0 },
      { kind: 'ended', value: 2 },
      { kind: 'failed', why: 'Cannot write\nMake room.', error: null },
      { kind: 'failed', why: 'Cannot write\nMake room.', error: null },
      { kind: 'interrupted' },
      { kind: 'skipped', why: '"web-1" failed' },
      { kind: 'skipped', why: '"web-1" failed' },
    ];
    const machines = outcomes.map((outcome, i) => ({ machine: `web-${i}`, outcome, milliseconds: 100 }));
    const report = fleetReport(
      { succeeded: false, machines, logs: '/logs' },
      {
        style: plain,
        isFailure: (value) => value !== 0,
        words: (value) => `bad ${value}`,
        path: (path) => path,
      },
    );
    expect(report.join('\n')).toBe(`MACHINE  TIME  WHY
web-1    0.1s  bad 2
web-2    0.1s  Cannot write
web-3    0.1s  Cannot write
web-4    0.1s  interrupted
Make room.
Not begun on web-5..6: "web-1" failed.
Done on 1 of 7 machines.
Their logs: /logs`);
  });
});

describe('fleetLine()', () => {
  it('says how the work on a machine ended', () => {
    const line = (
      outcome: MachineOutcome<number>,
      printed?: (machine: string) => Readonly<Record<string, unknown>>,
    ): unknown =>
      fleetLine(
        { type: 'ended', machine: 'web-0', outcome, milliseconds: 5 },
        { json: (value) => ({ value }), printed },
        0,
      );
    const common = { type: 'ended', at: '1970-01-01T00:00:00.000Z', machine: 'web-0', milliseconds: 5 };
    expect(line({ kind: 'ended', value: 1 })).toEqual({ ...common, outcome: 'ended', value: 1 });
    expect(line({ kind: 'unreachable', why: 'x' })).toEqual({ ...common, outcome: 'unreachable', why: 'x' });
    const late = { ...common, outcome: 'timed-out', limit: 9 };
    expect(line({ kind: 'timed-out', limit: 9 })).toEqual(late);
    const by = (machine: string): { stdout: string } => ({ stdout: `by ${machine}` });
    expect(line({ kind: 'timed-out', limit: 9 }, by)).toEqual({ ...late, stdout: 'by web-0' });
    expect(line({ kind: 'skipped', why: 'x' }, by)).toEqual({ ...common, outcome: 'skipped', why: 'x' });
    expect(line({ kind: 'interrupted' })).toEqual({ ...common, outcome: 'interrupted' });
  });
});

describe('fleetProgress()', () => {
  const flags = { quiet: false, progress: 'tty', json: false, noColor: true } as GlobalFlags;

  it('draws one line of what takes longer than a moment, and writes above it', async () => {
    const stderr = collector({ columns: 60, rows: 24 });
    const stdout = collector();
    const io = { stdin: new PassThrough(), stderr: stderr.stream, stdout: stdout.stream, env: {}, cwd: '/' };
    const context = { io: { ...io, onStop: () => () => undefined, exit: () => undefined }, flags };
    const progress = await fleetProgress<number>(context, { doing: 'exec', detail: () => 'more' });
    progress.event({ type: 'selected', machines: ['web-0', 'web-1', 'web-2'] });
    for (const machine of ['web-0', 'web-1', 'web-2']) progress.event({ type: 'began', machine });
    progress.event({
      type: 'ended',
      machine: 'web-0',
      outcome: { kind: 'ended', value: 0 },
      milliseconds: 1,
    });
    progress.event({ type: 'ended', machine: 'web-1', outcome: { kind: 'interrupted' }, milliseconds: 1 });
    expect(stderr.text()).toBe('');
    while (!stderr.text().includes('exec')) await new Promise((resolve) => setImmediate(resolve));
    expect(stderr.text()).toContain('exec  1 of 3 done, 1 not, more; waiting for web-2');
    await progress.write(io.stdout, 'web-2 | hello\n');
    progress.event({ type: 'warning', message: 'a disk is full' });
    progress.finish();
    expect(stdout.text()).toBe('web-2 | hello\n');
    expect(stderr.text()).toContain('warning: a disk is full\n');
  });
});

describe('writeTo()', () => {
  it('asks to wait while an output takes no more, and no longer when it is closed', async () => {
    const output = new PassThrough({ highWaterMark: 4 });
    const waiting = writeTo(output, 'too much');
    expect(writeTo(output, 'more')).toBe(waiting);
    output.resume();
    await waiting;
    output.pause();
    const other = writeTo(output, 'too much');
    output.destroy();
    await other;
    expect(
      writeTo(
        output.on('error', () => undefined),
        'gone',
      ),
    ).toBeUndefined();
  });
});
