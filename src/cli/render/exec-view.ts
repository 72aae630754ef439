import type { FleetEvent, FleetResult } from '../../api/fleet-work.ts';
import type { ExecEnd } from '../../api/perform-exec.ts';
import type { Context } from '../context.ts';
import type { Output } from '../io.ts';
import { groupsOf } from './fleet-groups.ts';
import type { Lines } from './fleet-lines.ts';
import { prefixedLines } from './fleet-lines.ts';
import type { FleetProgress } from './fleet-progress.ts';
import { keepOutput } from './kept-output.ts';
import type { OutputFiles, OutputStream } from './output-files.ts';
import { outputFiles } from './output-files.ts';
import { ranges } from './ranges.ts';
import { styleOf } from './style.ts';
import { writeTo } from './write-to.ts';

/** Shows what commands print on machines. */
export interface ExecView {
  readonly onOutput: (machine: string, stream: OutputStream, chunk: Buffer) => unknown;
  readonly onEvent: (event: FleetEvent<ExecEnd>) => void;
  readonly onEnd: (result: FleetResult<ExecEnd>) => void;
}

export interface ExecViewOptions {
  readonly progress: FleetProgress<ExecEnd>;
  /** Where files with the output go; null: it is shown. */
  readonly directory: string | null;
  readonly isGrouped: boolean;
}

/** Bytes of each output that JSON Lines, and groups, show. */
export const SHOWN = 1024 * 1024;

export function chooseExecView(
  context: Context,
  { progress, directory, isGrouped }: ExecViewOptions,
): ExecView {
  if (directory !== null) return inFiles(outputFiles(directory));
  if (context.flags.json) return unseen;
  return isGrouped ? inGroups(context, progress) : live(context, progress);
}

const unseen: ExecView = {
  onOutput: () => undefined,
  onEvent: () => undefined,
  onEnd: () => undefined,
};

function inFiles(files: OutputFiles): ExecView {
  return {
    ...unseen,
    onOutput: (machine, stream, chunk) => files.write(machine, stream, chunk),
    onEvent(event) {
      if (event.type !== 'ended') return;
      const { kind } = event.outcome;
      files.end(event.machine, { ran: kind !== 'unreachable' && kind !== 'skipped' });
    },
  };
}

/** Raw where there is one machine, else line by line behind the machine's name. */
function live({ io, flags }: Context, progress: FleetProgress<ExecEnd>): ExecView {
  const outputs: Readonly<Record<OutputStream, Output>> = { stdout: io.stdout, stderr: io.stderr };
  const styles = {
    stdout: styleOf(io.stdout, io.env, flags),
    stderr: styleOf(io.stderr, io.env, flags),
  } as const;
  const lines = new Map<string, Lines>();
  let width = 0;
  let isRaw = false;

  function linesOf(machine: string, stream: OutputStream): Lines {
    const key = `${stream} ${machine}`;
    const known = lines.get(key);
    if (known !== undefined) return known;
    const style = styles[stream];
    const name = machine.padEnd(width);
    const prefix = `${stream === 'stdout' ? style.busy(name) : style.bad(name)} ${style.dim('|')} `;
    const cutter = prefixedLines(prefix);
    lines.set(key, cutter);
    return cutter;
  }
  function write(stream: OutputStream, bytes: Buffer): Promise<void> | undefined {
    return bytes.length === 0 ? undefined : progress.write(outputs[stream], bytes);
  }

  return {
    onOutput(machine, stream, chunk) {
      if (isRaw) return writeTo(outputs[stream], chunk);
      return write(stream, linesOf(machine, stream).push(chunk));
    },
    onEvent(event) {
      if (event.type === 'selected') {
        width = Math.max(0, ...event.machines.map(({ length }) => length));
        isRaw = event.machines.length === 1;
      }
      if (event.type !== 'ended') return;
      for (const stream of ['stdout', 'stderr'] as const) {
        const key = `${stream} ${event.machine}`;
        const rest = lines.get(key)?.end();
        lines.delete(key);
        if (rest !== undefined) void write(stream, rest);
      }
    },
    onEnd: () => undefined,
  };
}

/** At the end, the same once for all machines that printed it. */
function inGroups({ io, flags }: Context, progress: FleetProgress<ExecEnd>): ExecView {
  const kept = keepOutput(SHOWN);
  return {
    ...unseen,
    onOutput: (machine, stream, chunk) => kept.add(machine, stream, chunk),
    onEnd({ machines, logs }) {
      const printed = machines.map(({ machine }) => ({ machine, ...kept.take(machine) }));
      for (const [stream, output] of [
        ['stdout', io.stdout],
        ['stderr', io.stderr],
      ] as const) {
        const style = styleOf(output, io.env, flags);
        for (const group of groupsOf(printed.map((one) => ({ machine: one.machine, bytes: one[stream] })))) {
          output.write(`${style.bold(`${ranges(group.machines)}:`)}\n`);
          output.write(group.bytes);
          if (group.bytes.at(-1) !== 10) output.write('\n');
        }
      }
      const cut = printed.filter(({ isTruncated }) => isTruncated).map(({ machine }) => machine);
      if (cut.length > 0)
        progress.note(
          `warning: only the first MiB is shown of ${ranges(cut)}${logs === null ? '' : `: all of it is in ${logs}`}`,
        );
    },
  };
}
