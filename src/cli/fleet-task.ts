import { displayPath } from '../api/display-path.ts';
import type { FleetEvent, FleetResult, MachineOutcome } from '../api/fleet-work.ts';
import type { Operation, OperationOptions } from '../api/operation.ts';
import { systemClock } from '../clock.ts';
import { PlanError } from '../errors.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import type { Output } from './io.ts';
import { exitCodeOf } from './io.ts';
import { jsonOutputs, progressOf } from './render/choose.ts';
import type { JsonWords } from './render/fleet-json.ts';
import { fleetLine, fleetResultLine } from './render/fleet-json.ts';
import type { FleetProgress } from './render/fleet-progress.ts';
import { fleetReport, whyOf } from './render/fleet-report.ts';
import type { JsonLine } from './render/json.ts';
import { writeJsonLine } from './render/json.ts';
import { styleOf } from './render/style.ts';
import { isAbort, patienceAfter, watchStop } from './stopping.ts';
import { UNREAD } from './unread.ts';
import { version } from './version.ts';

/** Work on the machines of a deployment. */
export interface FleetTask<T> extends JsonWords<T> {
  readonly kind: 'exec' | 'copy';
  readonly deployment: string;
  start(options: OperationOptions<FleetEvent<T>>): Operation<FleetResult<T>, FleetEvent<T>>;
  readonly progress: FleetProgress<T>;
  isFailure(value: T): boolean;
  /** How work ended, in a word or a few. */
  words(value: T): string;
  /** The exit code that stands for how the work on a machine ended: of the command where there is only one. */
  codeOf?(outcome: MachineOutcome<T>): number;
  /** Told every event before it is shown. */
  onEvent?(event: FleetEvent<T>): void;
  /** Shows what there is to show at the end, before what failed. */
  onEnd?(result: FleetResult<T>): void;
  /** Ends the work without a word: nobody reads what it prints any more. */
  readonly unread?: AbortSignal;
}

/** Milliseconds that work which is interrupted may take to end. */
const PATIENCE = 10_000;

/** Does work on machines, shows it, and answers the exit code. */
export async function performFleet<T>(context: Context, task: FleetTask<T>): Promise<number> {
  const { io } = context;
  const { kind, deployment, progress, unread } = task;
  const outputs = jsonOutputs(context);
  using stopping = watchStop(io);
  const signal = unread === undefined ? stopping.signal : AbortSignal.any([stopping.signal, unread]);
  const onStop = (): void =>
    progress.note(`Interrupting: what the ${kind} began is ended. Once more ends at once.`);
  stopping.signal.addEventListener('abort', onStop, { once: true });
  using patience = patienceAfter(signal, PATIENCE);
  writeAll(outputs, { type: 'version', format: 1, version: version(), operation: kind, deployment });
  let result: FleetResult<T> | null = null;
  try {
    const working = task.start({
      signal,
      onEvent(event) {
        task.onEvent?.(event);
        writeAll(outputs, fleetLine(event, task, systemClock.now()));
        progress.event(event);
      },
    });
    result = await Promise.race([working.result, patience.ranOut]);
  } catch (error) {
    progress.finish();
    const isStopped = isAbort(error, signal);
    writeAll(outputs, { ...emptyResult(kind, isStopped), ...(isStopped ? {} : { error: textOf(error) }) });
    if (!isStopped) throw error;
    if (!quiet(context)) tell(context, 'Interrupted: nothing was begun.');
    return stopCode();
  }
  progress.finish();
  if (result === null) {
    writeAll(outputs, emptyResult(kind, true));
    const code = stopCode();
    io.exit(code);
    return code;
  }
  task.onEnd?.(result);
  const isInterrupted = signal.aborted && result.machines.some(({ outcome }) => isCutShort(outcome));
  writeAll(
    outputs,
    fleetResultLine(result, {
      kind,
      outcome: isInterrupted ? 'interrupted' : result.succeeded ? 'succeeded' : 'failed',
      failed: failedOf(result),
    }),
  );
  if (unread?.aborted !== true) report(result);
  return isInterrupted ? stopCode() : codeOf(result);

  function stopCode(): number {
    return stopping.received === null ? UNREAD : exitCodeOf(stopping.received);
  }

  function codeOf({ succeeded, machines }: FleetResult<T>): number {
    const [only] = machines;
    if (machines.length === 1 && only !== undefined && task.codeOf !== undefined)
      return task.codeOf(only.outcome);
    return succeeded ? 0 : 1;
  }

  function failedOf({ machines }: FleetResult<T>): readonly string[] {
    return machines
      .filter(({ outcome }) => outcome.kind !== 'ended' || task.isFailure(outcome.value))
      .map(({ machine }) => machine);
  }

  function report(ended: FleetResult<T>): void {
    const { machines, succeeded } = ended;
    if (progressOf(context) === 'json') return;
    if (machines.length === 0 && !quiet(context))
      tell(context, `Nothing to do: deployment "${deployment}" has no such machines.`);
    if (succeeded) return;
    const options = {
      ...task,
      style: styleOf(io.stderr, io.env, context.flags),
      path: (path: string) => displayPath(path, io.cwd),
    };
    const [only] = machines;
    // What the only command made of it is told by its output and its exit code.
    if (machines.length === 1 && only !== undefined && task.codeOf !== undefined) {
      if (only.outcome.kind !== 'ended')
        tell(
          context,
          `${only.machine}: ${only.outcome.kind === 'skipped' ? 'not begun: ' : ''}${whyOf(only.outcome, options)}`,
        );
      return;
    }
    tell(context, fleetReport(ended, options).join('\n'));
  }
}

function quiet({ flags }: Context): boolean {
  return flags.quiet;
}

function isCutShort<T>({ kind }: MachineOutcome<T>): boolean {
  return kind === 'interrupted' || kind === 'skipped';
}

function emptyResult(kind: string, isStopped: boolean): JsonLine {
  return { type: 'result', outcome: isStopped ? 'interrupted' : 'failed', operation: kind };
}

function textOf(error: unknown): string {
  if (error instanceof PlanError) return error.message;
  return error instanceof Error ? error.message : String(error);
}

function writeAll(outputs: readonly Output[], line: JsonLine): void {
  for (const output of outputs) writeJsonLine(output, line);
}
