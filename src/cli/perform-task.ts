import type { DeploymentState } from '../api/deployment-state.ts';
import type { Operation, OperationOptions, OperationResult } from '../api/operation.ts';
import type { MachineEnd } from '../api/perform-tend.ts';
import { systemClock } from '../clock.ts';
import { PlanError } from '../errors.ts';
import type { OperationKind, Outcome } from '../fact.ts';
import type { Context } from './context.ts';
import { chooseRenderer } from './render/choose.ts';
import { jsonRenderer } from './render/json.ts';
import type { ReportOptions } from './render/failure-report.ts';
import type { NextCommands } from './render/next-commands.ts';
import type { Renderer } from './render/renderer.ts';
import { together } from './render/renderer.ts';
import type { Timeline } from './render/timeline.ts';
import { createTimeline } from './render/timeline.ts';
import { isAbort, patienceAfter } from './stopping.ts';

/** An operation on one deployment. */
export interface Task {
  readonly kind: OperationKind;
  readonly deployment: string;
  readonly next: NextCommands;
  /** What is said when there was nothing to do. */
  readonly idle: string;
  /** What is said after success, where that is not the list of what is ready. */
  readonly done: string | ((state: DeploymentState) => string) | null;
  start(options: OperationOptions): Operation<OperationResult>;
  /** What is done when it fails, if anything. */
  recover?(): Promise<Task | null>;
  /** What its result says of each machine, where that is what it is about. */
  account?(result: OperationResult): Account;
}

/** What became of each machine that an operation was about, in place of what is told of the whole deployment. */
export interface Account {
  readonly machines: readonly MachineEnd[];
  /** The report for people. */
  lines(options: ReportOptions): readonly string[];
}

export interface Performed {
  readonly task: Task;
  readonly outcome: Outcome;
  /** False: there was nothing to do. */
  readonly worked: boolean;
  /** The last one that was seen. */
  readonly state: DeploymentState | null;
  readonly timeline: Timeline;
  /** True when an interrupted operation did not end in time: it goes on until the process ends. */
  readonly abandoned: boolean;
  /** What kept it from beginning or broke it off. */
  readonly error: PlanError | null;
  readonly account?: Account | undefined;
}

/** Milliseconds that an interrupted operation may take to end, so that the command ends within five seconds. */
const PATIENCE = 4_500;

/** Performs one task and shows it while it runs. Never rejects with a `PlanError`. */
export async function performTask(
  context: Context,
  { task, signal }: { readonly task: Task; readonly signal: AbortSignal },
): Promise<Performed> {
  const timeline = createTimeline(systemClock.now());
  const renderer = await rendererOf(context, task.kind);
  let state: DeploymentState | null = null;
  const onEvent: OperationOptions['onEvent'] = (event, current) => {
    state = current;
    timeline.note(event, current);
    renderer.event(event, current);
  };
  const onStop = (): void =>
    renderer.note('Interrupting: what runs on machines goes on there. Once more ends at once.');
  signal.addEventListener('abort', onStop, { once: true });
  using patience = patienceAfter(signal, PATIENCE);
  let result: OperationResult | null = null;
  let abandoned = false;
  let failure: PlanError | null = null;
  try {
    result = await Promise.race([task.start({ signal, onEvent }).result, patience.ranOut]);
    abandoned = result === null;
  } catch (error) {
    if (error instanceof PlanError) failure = error;
    else if (!isAbort(error, signal)) throw error;
  } finally {
    signal.removeEventListener('abort', onStop);
    renderer.finish(result);
  }
  return {
    task,
    outcome: failure === null ? (result?.outcome ?? 'interrupted') : 'failed',
    worked: result?.worked ?? true,
    state: result?.state ?? state,
    timeline,
    abandoned,
    error: failure,
    account: result === null ? undefined : task.account?.(result),
  };
}

async function rendererOf(context: Context, kind: OperationKind): Promise<Renderer> {
  const shown = await chooseRenderer(context, { kind, clock: systemClock });
  return context.flags.json ? together([shown, jsonRenderer(context.io.stdout, systemClock)]) : shown;
}
