import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { InstanceState, Observation } from '../../providers/provider.ts';
import { ProviderError } from '../../providers/provider.ts';
import { sshParts } from '../desired.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { accessOf } from './machine-access.ts';
import type { WatchEnd } from '../watch.ts';
import { power } from './power.ts';
import { relaunchOrGiveUp } from './relaunch.ts';
import { seenText } from './seen-text.ts';

/** Waits until the provider says that the machine runs: the first stage of readiness. */
export async function boot(
  name: string,
  context: PerformContext,
  { signal }: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { id, generation } = machine;
  if (id === null) throw new Error(`Machine "${name}" has no instance. This is a bug in plan.`);
  const service = context.service(machine.service);
  const timeout = service.timeouts.launch;
  const { clock } = context.wiring;
  const startedAt = clock.now();
  const left = (): number => Math.max(0, timeout - (clock.now() - startedAt));
  let end: WatchEnd = await context.watch(machine.provider).wait(id, { until: isOver, timeout, signal });
  if (end.kind === 'seen' && end.observation.state === 'stopped') {
    const request = { verb: 'start', id, provider: machine.provider, timeout: left() } as const;
    const answer = await power(request, context, { signal });
    if (answer.kind === 'refused') {
      const failure = failureOf('launch', 'refused', `Cannot start the machine: ${answer.why}`);
      return relaunchOrGiveUp(machine, failure, { startedAt, context });
    }
    // What a provider says of it just after may be what was before.
    end = await context.watch(machine.provider).wait(id, { until: isStarted, timeout: left(), signal });
  }
  // Of a machine that nobody could look at nothing is known that speaks against it.
  if (end.kind === 'timeout' && end.lastError !== null)
    throw new ProviderError(`Cannot tell whether the machine runs: ${end.lastError}`);
  if (end.kind === 'timeout') {
    const failure = failureOf(
      'launch',
      'timeout',
      `The machine does not run after ${spellDuration(timeout)}: the provider says "${end.last?.state ?? 'unknown'}"`,
    );
    return relaunchOrGiveUp(machine, failure, { startedAt, context });
  }
  const { observation } = end;
  if (observation.state !== 'running' || observation.addresses === null || observation.access === null) {
    const failure = failureOf(
      'launch',
      GONE.has(observation.state) ? 'lost' : 'error',
      seenText(observation, machine, context),
    );
    return relaunchOrGiveUp(machine, failure, { startedAt, context });
  }
  const { addresses } = observation;
  const print = (text: string): string => context.wiring.store.fingerprint(text);
  const made = sshParts(service.ssh, context.scopes.connect(service, machine), print);
  const isPinned = machine.made.ssh?.['hostKey'] === made['hostKey'];
  const pinned = isPinned ? (machine.access?.kind === 'ssh' ? machine.access.hostKey : null) : null;
  const access = accessOf(
    { ...observation, access: observation.access, addresses, pinned },
    machine,
    context,
  );
  return [{ type: 'machine-running', machine: name, generation, addresses, access, made }];
}

const GONE: ReadonlySet<InstanceState> = new Set(['terminating', 'terminated', 'unknown']);

function isOver({ state }: Observation): boolean {
  return state !== 'pending' && state !== 'stopping';
}

function isStarted(observation: Observation): boolean {
  return isOver(observation) && observation.state !== 'stopped';
}
