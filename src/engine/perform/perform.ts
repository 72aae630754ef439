import { instanceOf } from '../../colocation.ts';
import { spellDuration } from '../../duration.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import { TemplateError } from '../../plan/template.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { StepKind } from '../../step.ts';
import { within } from '../limit.ts';
import type { TimeLeft } from '../machine-times.ts';
import type { Step } from '../step.ts';
import { boot } from './boot.ts';
import { bootstrap } from './bootstrap.ts';
import { connect } from './connect.ts';
import type { Cancel, PerformContext, StepCancel } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { find, launch } from './launch.ts';
import { label } from './label.ts';
import { reboot } from './reboot.ts';
import { stop } from './stop.ts';
import { request } from './request.ts';
import { relaunchOrGiveUp } from './relaunch.ts';
import { teardown } from './teardown.ts';
import { LostError } from './lost-error.ts';
import { terminate } from './terminate.ts';
import { verify } from './verify.ts';

/**
 * Performs a step and answers the facts in which it ended. The one place where what went wrong with a machine, a
 * provider or a template becomes a failure; all else that is thrown is a bug, a broken store or a cancellation.
 */
export async function perform(
  step: Step,
  context: PerformContext,
  cancel: StepCancel,
): Promise<readonly FactBody[]> {
  switch (step.kind) {
    case 'request':
      return request(step, context, cancel);
    case 'launch':
      return launch(step.batch, context, cancel);
    case 'find':
      return find(step.batch, context, cancel);
    case 'terminate':
      return terminate(step.provider, step.instances, context, cancel);
    case 'boot':
      return guarded('launch', step.machine, boot, context, cancel);
    case 'connect':
      return guarded('connect', step.machine, connect, context, cancel);
    case 'bootstrap':
      return guarded('bootstrap', step.machine, bootstrap, context, cancel);
    case 'verify':
      return guarded('verify', step.machine, verify, context, cancel);
    case 'teardown':
      return guarded('teardown', step.machine, teardown, context, cancel);
    case 'stop':
      return guarded('stop', step.machine, stop, context, cancel);
    case 'reboot':
      return guarded('launch', step.machine, reboot, context, cancel);
    case 'label':
      return guarded('launch', step.machine, label, context, cancel);
  }
}

type MachineStep = (name: string, context: PerformContext, cancel: Cancel) => Promise<readonly FactBody[]>;

async function guarded(
  step: StepKind,
  name: string,
  work: MachineStep,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const startedAt = context.wiring.clock.now();
  const time = context.timeLeft(name);
  if (time?.left === 0) return [outOfTime(step, name, time, startedAt, context)];
  // A script is ended on its machine, and sees to the limit itself.
  const isScript = step === 'bootstrap' || step === 'teardown';
  using limit = time === null || isScript ? null : within(time.left, context, cancel);
  try {
    const facts = await work(name, context, limit ?? cancel);
    releaseWhenIdle(step, facts, name, context);
    return facts;
  } catch (error) {
    cancel.signal.throwIfAborted();
    if (time !== null && limit?.expired() === true) {
      const failed = outOfTime(step, name, time, startedAt, context);
      releaseWhenIdle(step, [failed], name, context);
      return [failed];
    }
    if (error instanceof LostError && step !== 'teardown') {
      const machine = machineOf(context.journal, name);
      return relaunchOrGiveUp(machine, failureOf(step, 'lost', error.message), { startedAt, context });
    }
    const failure = failureFrom(step, error);
    if (failure === null) throw error;
    const machine = machineOf(context.journal, name);
    const message = context.maskFor(machine).text(failure.message);
    const attempt = machine.running?.attempt ?? (machine.attempts[step] ?? 0) + 1;
    const failed = { failure: { ...failure, message }, gaveUp: true, retryAt: null };
    return [
      {
        type: 'step-failed',
        machine: name,
        generation: machine.generation,
        step,
        attempt,
        startedAt,
        failed,
      },
    ];
  }
}

/** The work on a machine took longer than the operation allows. */
function outOfTime(
  step: StepKind,
  name: string,
  { limit }: TimeLeft,
  startedAt: number,
  { journal }: PerformContext,
): FactBody {
  const { generation, running, attempts } = machineOf(journal, name);
  const attempt = running?.attempt ?? (attempts[step] ?? 0) + 1;
  const failure = failureOf(
    step,
    'timeout',
    `It was not over within the limit of ${spellDuration(limit)} per machine`,
  );
  const failed = { failure, gaveUp: true, retryAt: null };
  return { type: 'step-failed', machine: name, generation, step, attempt, startedAt, failed };
}

function failureFrom(step: StepKind, error: unknown): Failure | null {
  if (error instanceof TemplateError)
    return failureOf(step, 'template', `Cannot render a template: ${error.message}`);
  if (error instanceof ConnectionError) {
    const reason = {
      unreachable: 'unreachable',
      lost: 'unreachable',
      authentication: 'unreachable',
      'host-key': 'host-key',
      failed: 'error',
    } as const;
    return failureOf(step, reason[error.problem], error.message);
  }
  if (error instanceof LostError) return failureOf(step, 'lost', error.message);
  if (error instanceof ProviderError) return failureOf(step, 'error', error.message);
  return null;
}

/** A machine that has no work keeps no connection. */
function releaseWhenIdle(
  step: StepKind,
  facts: readonly FactBody[],
  name: string,
  context: PerformContext,
): void {
  const isIdle = step === 'verify' || step === 'teardown' || facts.some(({ type }) => type === 'step-failed');
  const { id } = machineOf(context.journal, name);
  if (isIdle && id !== null) context.wiring.connections.release(instanceOf(id));
}
