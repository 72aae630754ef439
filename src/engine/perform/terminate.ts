import { instanceOf } from '../../colocation.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Instance } from '../../machine.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { PerformContext, StepCancel } from './context.ts';
import { failureOf, messageOf } from './context.ts';
import { clear } from './clear.ts';
import { insist } from './insist.ts';
import { untilGone } from './until-gone.ts';

/**
 * Has a provider end instances and waits until it confirms that each is gone. A call that fails is made again until
 * the service's `timeouts.terminate` is over.
 */
export async function terminate(
  providerName: string,
  ids: readonly string[],
  context: PerformContext,
  cancel: StepCancel,
): Promise<readonly FactBody[]> {
  const { clock } = context.wiring;
  const startedAt = clock.now();
  const provider = context.provider(providerName);
  const timeout = Math.max(...ids.map((id) => timeoutOf(id, context)));
  for (const id of ids) {
    const machine = machineBehind(id, context);
    context.wiring.connections.discard(instanceOf(id));
    if (machine !== null)
      context.tell({
        type: 'step-began',
        machine: machine.name,
        step: 'terminate',
        attempt: machine.attempts.terminate ?? 1,
      });
  }
  const refused = new Map<string, string>();
  if (provider.keepsMachines) {
    const left = await clear(providerName, ids, timeout, context, cancel);
    for (const id of ids) context.wiring.connections.discard(instanceOf(id));
    for (const [id, problem] of left) {
      if (context.leavesThings)
        context.tell({ type: 'warning', message: `Machine "${nameOf(id, context)}": ${problem}` });
      else refused.set(id, problem);
    }
  }
  const going = ids.filter((id) => !refused.has(id));
  try {
    const answers = await insist(
      () =>
        context.calls(providerName).run(() => provider.terminate(going, { signal: cancel.lenient }), cancel),
      { clock, timeout },
      cancel,
    );
    for (const [id, answer] of answers) if (answer.kind === 'cannot') refused.set(id, answer.why);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return ids.flatMap((id) => failed(id, messageOf(error), startedAt, context));
  }
  const problems = new Map<string, string | null>(refused);
  const waitedFor = ids.filter((id) => !refused.has(id));
  const limit = { deadline: startedAt + timeout, timeout };
  for (const [id, problem] of await untilGone(providerName, waitedFor, limit, context, cancel))
    problems.set(id, problem);
  const ends = ids.map((id) => ({ id, problem: problems.get(id) ?? null }));
  const gone = ends.filter(({ problem }) => problem === null).map(({ id }) => id);
  return [
    ...(gone.length > 0 ? [{ type: 'instances-gone', ids: gone } as const] : []),
    ...ends.flatMap(({ id, problem }) => (problem === null ? [] : failed(id, problem, startedAt, context))),
  ];
}

function nameOf(id: string, { journal: { state } }: PerformContext): string {
  return state.instances.get(id)?.machine ?? id;
}

const TERMINATE_TIMEOUT = 300_000;

function timeoutOf(id: string, context: PerformContext): number {
  const service = context.journal.state.instances.get(id)?.service;
  const found = context.plan.levels.flatMap(({ services }) => services).find(({ name }) => name === service);
  return found?.timeouts.terminate ?? TERMINATE_TIMEOUT;
}

/** The machine whose current instance this is; null for a condemned one. */
function machineBehind(id: string, context: PerformContext) {
  const instance: Instance | undefined = context.journal.state.instances.get(id);
  const machine = instance === undefined ? undefined : context.journal.state.machines.get(instance.machine);
  return machine?.id === id ? machine : null;
}

function failed(
  id: string,
  problem: string,
  startedAt: number,
  context: PerformContext,
): readonly FactBody[] {
  const machine = machineBehind(id, context);
  const message = `Cannot terminate instance "${id}": ${problem}`;
  if (machine === null) {
    context.tell({ type: 'warning', message });
    return [{ type: 'instance-kept', id, problem }];
  }
  const failure: Failure = failureOf('terminate', 'error', message);
  const { name, generation, attempts } = machine;
  const attempt = attempts.terminate ?? 1;
  return [
    {
      type: 'step-failed',
      machine: name,
      generation,
      step: 'terminate',
      attempt,
      startedAt,
      failed: { failure, gaveUp: true, retryAt: null },
    },
  ];
}
