import type { FleetEvent, MachineResult } from '../../api/fleet-work.ts';
import { systemClock } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import type { Context } from '../context.ts';
import type { Output } from '../io.ts';
import { progressOf } from './choose.ts';
import type { LiveArea } from './live-area.ts';
import { styleOf } from './style.ts';
import { writeTo } from './write-to.ts';

/** Milliseconds until what goes on is drawn, so that what is done in a moment draws nothing; then between drawings. */
const PATIENCE = 400;
const REDRAW = 100;

/** Shows work on machines while it goes on. */
export interface FleetProgress<T> {
  event(event: FleetEvent<T>): void;
  /** Writes whole lines above what is drawn; a promise while the output takes no more. */
  write(output: Output, lines: Buffer | string): Promise<void> | undefined;
  /** Shows a message for people. */
  note(message: string): void;
  /** Ends what is drawn. */
  finish(): void;
}

export interface FleetProgressOptions<T> {
  /** What goes on: `exec`. */
  readonly doing: string;
  /** It is of interest on a machine alone, too. */
  readonly isOfOne?: boolean;
  /** More of what goes on, such as bytes. */
  readonly detail?: () => string;
  /** What is told of each machine that ended, where lines are for people; null: nothing. */
  readonly line?: (result: MachineResult<T>) => string | null;
}

/** On a terminal one line at its end tells what goes on; elsewhere each machine that ended may have a line. */
export async function fleetProgress<T>(
  context: Pick<Context, 'io' | 'flags'>,
  { doing, isOfOne = false, detail = () => '', line = () => null }: FleetProgressOptions<T>,
): Promise<FleetProgress<T>> {
  const { io, flags } = context;
  const output = io.stderr;
  const style = styleOf(output, io.env, flags);
  const progress = progressOf(context);
  const terminal =
    progress === 'tty' ? { ...(await import('./live-area.ts')), ...(await import('./clip.ts')) } : undefined;
  const startedAt = systemClock.now();
  const busy = new Set<string>();
  const tally = { all: 0, ended: 0, failed: 0 };
  let area: LiveArea | undefined;
  let timer: NodeJS.Timeout | undefined;

  function draw(): void {
    const { columns = 80 } = output;
    const { all, ended, failed } = tally;
    const words = [
      `${doing}  ${ended} of ${all} done`,
      failed === 0 ? '' : `, ${failed} not`,
      detail() === '' ? '' : `, ${detail()}`,
      busy.size === 0 || ended === 0 ? '' : `; waiting for ${[...busy].slice(0, 20).join(' ')}`,
    ];
    const time = formatDuration(systemClock.now() - startedAt);
    const text = terminal?.clip(words.join(''), Math.max(10, columns - time.length - 3)) ?? '';
    area?.draw([`${style.dim(time)}  ${text}`]);
  }

  function clear(): void {
    area?.persist([]);
  }

  function note(message: string): void {
    clear();
    output.write(`${message}\n`);
  }

  return {
    event(event) {
      switch (event.type) {
        case 'selected':
          tally.all = event.machines.length;
          if (terminal === undefined || tally.all < (isOfOne ? 1 : 2)) return;
          timer = setTimeout(() => {
            area = terminal.liveArea(output);
            draw();
            timer = setInterval(draw, REDRAW);
          }, PATIENCE);
          return;
        case 'began':
          busy.add(event.machine);
          return;
        case 'ended': {
          busy.delete(event.machine);
          if (event.outcome.kind === 'ended') tally.ended += 1;
          else tally.failed += 1;
          const text = progress === 'tty' || progress === 'plain' ? line(event) : null;
          if (text !== null) note(text);
          return;
        }
        case 'progress':
          return;
        case 'warning':
          if (progress !== 'json') note(`warning: ${event.message}`);
          return;
        default:
          event satisfies never;
      }
    },
    write(to, lines) {
      clear();
      return writeTo(to, lines);
    },
    note,
    finish() {
      clearTimeout(timer);
      area?.end({ keep: false });
      area = undefined;
    },
  };
}
