import type { Clock } from '../../clock.ts';
import type { OperationKind } from '../../fact.ts';
import type { Context } from '../context.ts';
import type { Output } from '../io.ts';
import type { Progress } from '../global-flags.ts';
import { jsonRenderer } from './json.ts';
import { plainRenderer } from './plain.ts';
import { quietRenderer } from './quiet.ts';
import type { Renderer } from './renderer.ts';
import { styleOf } from './style.ts';

/** How progress is shown on stderr: as `--progress` says, else by what stderr is. */
export function progressOf({ flags, io }: Pick<Context, 'flags' | 'io'>): Exclude<Progress, 'auto'> {
  if (flags.quiet) return 'quiet';
  if (flags.progress !== 'auto') return flags.progress;
  if (flags.json) return 'quiet';
  return io.stderr.isTTY === true && io.env['TERM'] !== 'dumb' ? 'tty' : 'plain';
}

/** Where JSON Lines go: `--json` to stdout, `--progress json` to stderr. */
export function jsonOutputs(context: Pick<Context, 'flags' | 'io'>): readonly Output[] {
  const { io, flags } = context;
  return [...(flags.json ? [io.stdout] : []), ...(progressOf(context) === 'json' ? [io.stderr] : [])];
}

/** The renderer of an operation's progress. */
export async function chooseRenderer(
  context: Context,
  {
    kind,
    clock,
    startedAt,
  }: {
    readonly kind: OperationKind;
    readonly clock: Clock;
    /** Epoch milliseconds; default: now. */
    readonly startedAt?: number;
  },
): Promise<Renderer> {
  const { io, flags } = context;
  const output = io.stderr;
  const style = styleOf(output, io.env, flags);
  const progress = progressOf(context);
  switch (progress) {
    case 'tty': {
      const { ttyRenderer } = await import('./tty.ts');
      return ttyRenderer({ output, style, clock, kind, startedAt, verbose: flags.verbose });
    }
    case 'plain':
      return plainRenderer({ output, style, clock, startedAt, verbose: flags.verbose });
    case 'json':
      return jsonRenderer(output, clock);
    case 'quiet':
      return quietRenderer(output);
    default:
      return progress satisfies never;
  }
}
