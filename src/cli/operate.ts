import { join } from 'node:path';
import { statusOf } from '../api/status.ts';
import type { State } from '../api/state.ts';
import { systemClock } from '../clock.ts';
import type { OperationKind, Outcome } from '../fact.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import type { Output } from './io.ts';
import { exitCodeOf } from './io.ts';
import { withState } from './open-here.ts';
import type { Performed, Task } from './perform-task.ts';
import { performTask } from './perform-task.ts';
import { jsonOutputs } from './render/choose.ts';
import type { JsonLine } from './render/json.ts';
import { writeJsonLine } from './render/json.ts';
import type { FailedMachine } from './render/failure-report.ts';
import { failedMachines } from './render/failure-report.ts';
import { failedEnds } from './render/tend-report.ts';
import { isAbort, watchStop } from './stopping.ts';
import { reportTask } from './task-report.ts';
import { version } from './version.ts';

/**
 * Prepares tasks, performs them one after the other whatever becomes of them, shows them, and answers the exit code.
 * Of JSON Lines the first is `version` and the last `result`, whatever happens between.
 */
export async function operate(context: Context, kind: OperationKind, prepare: Prepare): Promise<number> {
  return await withState(context, (state) => operateIn(state, context, kind, prepare));
}

/** What is told of an operation that is over. */
export type Ended = Pick<Performed, 'outcome' | 'worked' | 'state' | 'error' | 'account'> & {
  readonly task: Pick<Task, 'kind' | 'deployment'>;
};

type Prepare = (state: State, options: { readonly signal: AbortSignal }) => Promise<readonly Task[]>;

async function operateIn(
  state: State,
  context: Context,
  kind: OperationKind,
  prepare: Prepare,
): Promise<number> {
  const { directory } = state;
  using stopping = watchStop(context.io);
  const outputs = jsonOutputs(context);
  const ended: Performed[] = [];
  writeAll(outputs, { type: 'version', format: 1, version: version(), operation: kind });
  let outcome: Outcome;
  try {
    const tasks = await prepare(state, { signal: stopping.signal });
    for (const task of tasks) {
      if (stopping.signal.aborted) break;
      await performAndRecover(task);
    }
    outcome = ended.length < tasks.length ? 'interrupted' : worst(ended);
  } catch (error) {
    if (!isAbort(error, stopping.signal)) throw failed(error);
    outcome = 'interrupted';
    if (ended.length === 0) tell(context, 'Interrupted: nothing was touched.');
  }
  writeAll(outputs, resultLine(directory, kind, outcome, ended));
  const code = exitCode();
  if (ended.some(({ abandoned }) => abandoned)) context.io.exit(code);
  return code;

  async function performAndRecover(task: Task): Promise<void> {
    const performed = await performTask(context, { task, signal: stopping.signal });
    ended.push(performed);
    reportTask(context, performed, { directory, now: systemClock.now() });
    if (!isRecoverable(performed)) return;
    const next = (await task.recover?.()) ?? null;
    if (next !== null) await performAndRecover(next);
  }

  function failed(error: unknown): unknown {
    const message = error instanceof Error ? error.message : String(error);
    writeAll(outputs, { ...resultLine(directory, kind, 'failed', ended), error: message });
    return error;
  }

  function exitCode(): number {
    if (outcome === 'succeeded') return 0;
    if (outcome === 'interrupted' && stopping.received !== null) return exitCodeOf(stopping.received);
    return Math.max(1, ...ended.map(({ error }) => error?.exitCode ?? 1));
  }
}

/** A failure of the operation itself: not of a lock, of the state, of how it was asked for. */
function isRecoverable({ outcome, error }: Performed): boolean {
  return outcome === 'failed' && (error === null || error.exitCode === 1);
}

function worst(ended: readonly Performed[]): Outcome {
  const outcomes = ended.map(({ outcome }) => outcome);
  if (outcomes.includes('interrupted')) return 'interrupted';
  return outcomes.includes('failed') ? 'failed' : 'succeeded';
}

function writeAll(outputs: readonly Output[], line: JsonLine): void {
  for (const output of outputs) writeJsonLine(output, line);
}

/** The last of JSON Lines. */
export function resultLine(
  directory: string,
  operation: OperationKind,
  outcome: Outcome,
  ended: readonly Ended[],
): JsonLine {
  const deployments = ended.map(({ task, outcome: own, worked, state, error, account }) => ({
    deployment: task.deployment,
    operation: task.kind,
    outcome: own,
    worked,
    state: state === null ? null : statusOf(state, { directory }).state,
    failures:
      account !== undefined
        ? failuresOf(failedEnds(account.machines))
        : state === null
          ? []
          : failuresOf(failedMachines(task.kind, state)),
    ...(account === undefined
      ? {}
      : { machines: account.machines.map(({ machine, became }) => ({ machine, became })) }),
    ...(error === null ? {} : { error: error.message }),
  }));
  const error = ended.find((performed) => performed.error !== null)?.error?.message;
  return { type: 'result', outcome, operation, deployments, ...(error === undefined ? {} : { error }) };

  function failuresOf(failed: readonly FailedMachine[]): readonly unknown[] {
    return failed.map(({ name, failure }) => ({
      machine: name,
      ...failure,
      logPath: failure.logPath === null ? null : join(directory, failure.logPath),
    }));
  }
}
