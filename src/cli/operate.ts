import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import type { OperationResult, Wiring } from '../engine/operation.ts';
import type { OperationKind, Outcome } from '../fact.ts';
import { openSqliteStore } from '../state/sqlite-store.ts';
import { statusDocument } from '../state/status.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { displayPath, stateDirectoryOf, statusPaths } from './deployments.ts';
import type { Output } from './io.ts';
import { exitCodeOf } from './io.ts';
import { chooseRenderer, progressOf } from './render/choose.ts';
import { jsonRenderer, writeJsonLine } from './render/json.ts';
import type { NextCommands } from './render/next-commands.ts';
import { together } from './render/renderer.ts';
import { failedMachines, failureReport, interruptedReport, readyReport } from './render/report.ts';
import { styleOf } from './render/style.ts';
import { createTimeline } from './render/timeline.ts';
import { watchStop } from './stopping.ts';
import { version } from './version.ts';
import { withWiring } from './wiring.ts';

/** What a command performs on one deployment. */
export interface Task {
  readonly deployment: string;
  readonly next: NextCommands;
  /** What is said when there was nothing to do. */
  readonly idle: string;
  /** What is said after success, where that is not the list of what is ready. */
  readonly done: string | null;
  perform(wiring: Wiring, options: { readonly signal: AbortSignal }): Promise<OperationResult>;
}

/** One deployment in the `result` line. */
interface Ended {
  readonly deployment: string;
  readonly outcome: Outcome;
  /** False: there was nothing to do. */
  readonly worked: boolean;
  readonly state: string | null;
  readonly failures: readonly unknown[];
}

/**
 * Prepares tasks, performs them one after the other, shows them, and answers the exit code. With `--json` the first
 * line on stdout is `version` and the last one `result`, whatever happens between.
 */
export async function operate(
  context: Context,
  kind: OperationKind,
  prepare: (options: { readonly signal: AbortSignal }) => Promise<readonly Task[]>,
): Promise<number> {
  const { io } = context;
  const outputs = jsonOutputs(context);
  const ended: Ended[] = [];
  let underWay: { readonly task: Task; state: DeploymentState | null } | undefined;
  let error: unknown;

  using stopping = watchStop(io, {
    onStop: () => tell(context, 'Interrupting; what runs on machines goes on there. Once more ends at once.'),
    onEnd() {
      const { task, state = null } = underWay ?? {};
      if (task !== undefined) tellInterrupted(task, state);
      writeResult('interrupted');
    },
  });
  for (const output of outputs)
    writeJsonLine(output, { type: 'version', format: 1, version: version(), operation: kind });
  try {
    const tasks = await prepare({ signal: stopping.signal });
    for (const task of tasks) {
      if (stopping.signal.aborted) break;
      ended.push(await run(task));
    }
  } catch (thrown) {
    error = thrown;
    if (stopping.received === null) throw thrown;
    tell(context, thrown instanceof Error ? thrown.message : String(thrown));
  } finally {
    writeResult(outcome());
  }
  if (stopping.received !== null && outcome() !== 'succeeded') return exitCodeOf(stopping.received);
  return outcome() === 'succeeded' ? 0 : 1;

  function outcome(): Outcome {
    if (stopping.received !== null && (error !== undefined || ended.length === 0)) return 'interrupted';
    if (error !== undefined) return 'failed';
    return (
      ended.find((one) => one.outcome === 'interrupted')?.outcome ??
      ended.find((one) => one.outcome === 'failed')?.outcome ??
      'succeeded'
    );
  }

  function writeResult(result: Outcome): void {
    const message = error instanceof Error ? { error: error.message } : {};
    for (const output of outputs)
      writeJsonLine(output, {
        type: 'result',
        outcome: result,
        operation: kind,
        deployments: ended,
        ...message,
      });
  }

  async function run(task: Task): Promise<Ended> {
    const stateDirectory = stateDirectoryOf(context);
    const timeline = createTimeline(systemClock.now());
    const shown = await chooseRenderer(context, { kind, clock: systemClock });
    const renderer = together([
      shown,
      ...outputs.filter((output) => output === io.stdout).map((output) => jsonRenderer(output, systemClock)),
    ]);
    const current: { readonly task: Task; state: DeploymentState | null } = { task, state: null };
    underWay = current;
    let result: OperationResult | null = null;
    try {
      await using store = await openSqliteStore(stateDirectory);
      const observe: Wiring['observe'] = (event, state) => {
        current.state = state;
        timeline.note(event, state);
        renderer.event(event, state);
      };
      result = await withWiring({ store, stateDirectory, flags: context.flags, observe }, (wiring) =>
        task.perform(wiring, { signal: stopping.signal }),
      );
    } catch (thrown) {
      if (!stopping.signal.aborted || thrown !== stopping.signal.reason) throw thrown;
    } finally {
      renderer.finish(result);
      underWay = undefined;
    }
    const state = result?.state ?? current.state;
    if (result === null || result.outcome === 'interrupted') tellInterrupted(task, state);
    else tellResult(task, result);
    return endOf(task, result, state);

    function tellResult(
      { next, idle, done }: Task,
      { outcome: how, worked, state: last }: OperationResult,
    ): void {
      const progress = progressOf(context);
      if (progress === 'json') return;
      if (how === 'failed') tellLines(failureReport(kind, last, reportOptions(next)));
      else if (progress === 'quiet') return;
      else if (!worked) tell(context, idle);
      else if (done !== null) tell(context, done);
      else tellLines(readyReport(last, timeline, systemClock.now(), reportOptions(next)));
    }

    function endOf({ deployment }: Task, how: OperationResult | null, last: DeploymentState | null): Ended {
      return {
        deployment,
        outcome: how?.outcome ?? 'interrupted',
        worked: how?.worked ?? true,
        state: last === null ? null : statusDocument(last, statusPaths(stateDirectory, io.cwd)).state,
        failures:
          last === null
            ? []
            : failedMachines(kind, last).map(({ name, failure }) => ({ machine: name, ...failure })),
      };
    }
  }

  function tellInterrupted({ next }: Task, state: DeploymentState | null): void {
    if (progressOf(context) !== 'json') tellLines(interruptedReport(kind, state, reportOptions(next)));
  }

  function reportOptions(next: NextCommands) {
    const stateDirectory = stateDirectoryOf(context);
    return {
      style: styleOf(io.stderr, io.env, context.flags),
      next,
      logPath: (path: string) => displayPath(join(stateDirectory, path), io.cwd),
    };
  }

  function tellLines(lines: readonly string[]): void {
    tell(context, lines.join('\n'));
  }
}

/** Where JSON Lines go: `--json` to stdout, `--progress json` to stderr. */
function jsonOutputs(context: Context): readonly Output[] {
  const { io, flags } = context;
  return [...(flags.json ? [io.stdout] : []), ...(progressOf(context) === 'json' ? [io.stderr] : [])];
}
