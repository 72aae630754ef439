import type { FactBody } from '../../fact.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Failure } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { scriptInput } from './script-input.ts';
import { supervise } from './supervise.ts';
import { LostError } from './lost-error.ts';

/** Runs the teardown script of a machine, after whatever is left of its bootstrap was stopped. */
export async function teardown(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  return context.scripts.run(async () => {
    const machine = machineOf(context.journal, name);
    const { generation } = machine;
    const resumed = machine.running?.step === 'teardown' ? machine.running : null;
    const attempt = resumed?.attempt ?? (machine.attempts.teardown ?? 0) + 1;
    const startedAt = resumed?.since ?? context.wiring.clock.now();
    context.tell({ type: 'step-began', machine: name, step: 'teardown', attempt });
    const failure = await run({ machine, attempt, isResumed: resumed !== null }, context, cancel);
    if (failure === null)
      return [{ type: 'step-succeeded', machine: name, generation, step: 'teardown', attempt, startedAt }];
    const allowed = context.service(machine.service).teardown?.attempts ?? 1;
    const tries = machineOf(context.journal, name).tries.teardown ?? 1;
    const gaveUp = tries >= allowed || context.timeLeft(name)?.left === 0;
    const failed = { failure, gaveUp, retryAt: null };
    return [{ type: 'step-failed', machine: name, generation, step: 'teardown', attempt, startedAt, failed }];
  }, cancel);
}

interface Work {
  readonly machine: Machine;
  readonly attempt: number;
  readonly isResumed: boolean;
}

async function run(work: Work, context: PerformContext, cancel: Cancel): Promise<Failure | null> {
  const { machine, attempt, isResumed } = work;
  const service = context.service(machine.service);
  const { name, generation } = machine;
  const script = service.teardown;
  if (script === null) throw new Error(`Service "${service.name}" has no teardown. This is a bug in plan.`);
  const input = scriptInput(script, machine, service, context.scopes.ready(service, machine), context);
  if (machine.access === null) return failureOf('teardown', 'unreachable', 'The machine was never reached');
  if (!isResumed)
    await context.journal.commit([
      { type: 'step-started', machine: name, generation, step: 'teardown', attempt },
    ]);

  const earlier = (step: string, last: number): string[] =>
    last > 0 ? [`${generation}-${step}-${last}`] : [];
  const stopFirst = [
    ...earlier('bootstrap', machine.attempts.bootstrap ?? 0),
    ...earlier('teardown', attempt - 1),
  ];
  const supervised = {
    step: 'teardown',
    attempt,
    label: script.label,
    isResumed,
    run: { ...input, name: `${generation}-teardown-${attempt}`, files: [], outputs: false, stopFirst },
    timeout: script.timeout,
    connectWithin: service.timeouts.connect,
  } as const;
  try {
    const end = await supervise(supervised, machine, context, cancel);
    return end.kind === 'failed' ? end.failure : null;
  } catch (error) {
    if (error instanceof LostError) {
      context.tell({ type: 'warning', message: `Machine "${name}" is not torn down: ${error.message}` });
      return null;
    }
    if (!(error instanceof ConnectionError)) throw error;
    return failureOf('teardown', error.problem === 'host-key' ? 'host-key' : 'unreachable', error.message);
  }
}
