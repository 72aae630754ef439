import { instanceOf } from '../../colocation.ts';
import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Observation } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { power } from './power.ts';
import { seenText } from './seen-text.ts';
import { haveLookedAt } from './use-connection.ts';

/** Milliseconds after which a machine that runs on is stopped once more: one that was starting may not have heard it. */
const REPEAT = 5_000;

/** Has the provider stop a machine, until it says that it is off. */
export async function stop(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const { id, generation, attempts } = machineOf(context.journal, name);
  if (id === null) throw new Error(`Machine "${name}" has no instance. This is a bug in plan.`);
  const startedAt = context.wiring.clock.now();
  const attempt = (attempts.stop ?? 0) + 1;
  context.tell({ type: 'step-began', machine: name, step: 'stop', attempt });
  context.wiring.connections.discard(instanceOf(id));
  const failure = await stopped(name, id, context, cancel);
  if (failure === null) return [{ type: 'machine-stopped', machine: name, generation }];
  const failed = { failure, gaveUp: true, retryAt: null };
  return [{ type: 'step-failed', machine: name, generation, step: 'stop', attempt, startedAt, failed }];
}

/** Null: it is off. */
async function stopped(
  name: string,
  id: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<Failure | null> {
  const machine = machineOf(context.journal, name);
  const { clock } = context.wiring;
  const timeout = context.service(machine.service).timeouts.terminate;
  const deadline = clock.now() + timeout;
  const left = (): number => Math.max(0, deadline - clock.now());
  const { provider } = machine;
  const lost = (seen: Observation): Failure => failureOf('stop', 'lost', seenText(seen, machine, context));
  for (;;) {
    const answer = await power({ verb: 'stop', id, provider, timeout: left() }, context, cancel);
    if (answer.kind === 'refused') {
      const seen = await haveLookedAt(id, context, cancel);
      if (seen !== null && isGone(seen)) return lost(seen);
      return failureOf('stop', 'refused', `Cannot stop: ${answer.why}`);
    }
    const askedAt = clock.now();
    const runsOn = ({ state }: Observation): boolean =>
      state === 'running' && clock.now() - askedAt >= REPEAT;
    const end = await context.watch(provider).wait(id, {
      until: (seen) => seen.state === 'stopped' || isGone(seen) || runsOn(seen),
      timeout: left(),
      signal: cancel.signal,
    });
    // Of a machine that nobody could look at nothing is known that speaks against it.
    if (end.kind === 'timeout' && end.lastError !== null)
      throw new ProviderError(`Cannot tell whether the machine is off: ${end.lastError}`);
    if (end.kind === 'timeout')
      return failureOf(
        'stop',
        'timeout',
        `The machine is not off after ${spellDuration(timeout)}: the provider says "${end.last?.state ?? 'unknown'}"`,
      );
    const { observation } = end;
    if (observation.state === 'stopped') return null;
    if (isGone(observation)) return lost(observation);
  }
}

function isGone({ state }: Observation): boolean {
  return state === 'terminating' || state === 'terminated' || state === 'unknown';
}
