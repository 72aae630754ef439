import type { Failure, FailureReason } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import type { Mask } from '../../mask.ts';
import type { Plan, Service } from '../../plan/plan.ts';
import type { Provider } from '../../providers/provider.ts';
import type { StepKind } from '../../step.ts';
import type { Journal } from '../journal.ts';
import type { TimeLeft } from '../machine-times.ts';
import type { EngineEvent, Wiring } from '../operation.ts';
import type { Queue } from '../../queue.ts';
import type { Scopes } from '../scope.ts';
import type { Watch } from '../watch.ts';

/** What performing a step needs. One per operation. */
export interface PerformContext {
  readonly wiring: Wiring;
  readonly journal: Journal;
  readonly scopes: Scopes;
  /** Calls to a provider: those of one that is slow keep no other waiting. */
  calls(provider: string): Queue;
  /** Scripts on machines. */
  readonly scripts: Queue;
  service(name: string): Service;
  provider(name: string): Provider;
  watch(provider: string): Watch;
  /** Hides what a script on this machine can know: sensitive inputs, outputs of earlier levels, its own. */
  maskFor(machine: Machine): Mask;
  /** What is left of the time that the operation may take on this machine; null: there is no limit. */
  timeLeft(machine: string): TimeLeft | null;
  tell(event: EngineEvent): void;
  readonly plan: Plan;
  /** What is left on machines that stay is told, and keeps nothing from going (`--skip-teardown`). */
  readonly leavesThings: boolean;
}

export interface Cancel {
  readonly signal: AbortSignal;
}

/** How a step is cancelled: a call that was made is waited for a little longer, because its answer may cost money. */
export interface StepCancel extends Cancel {
  readonly lenient: AbortSignal;
}

/** A failure with what it usually has. */
export function failureOf(
  step: StepKind,
  reason: FailureReason,
  message: string,
  more: Partial<Failure> = {},
): Failure {
  return { step, reason, message, exitCode: null, logTail: [], logPath: null, ...more };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The machine of a step. A step for a name that is not recorded is a bug. */
export function machineOf(journal: Pick<Journal, 'state'>, name: string): Machine {
  const machine = journal.state.machines.get(name);
  if (machine === undefined) throw new Error(`There is no machine "${name}". This is a bug in plan.`);
  return machine;
}

/** Where the deployment's files for a machine are, relative to the login user's home. */
export function baseOf(context: PerformContext, machine: Machine): string {
  const { name, uuid } = context.journal.state;
  return `.launch-plan/${name}-${uuid.slice(0, 8)}/${machine.name}`;
}
