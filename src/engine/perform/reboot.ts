import { instanceOf } from '../../colocation.ts';
import type { FactBody } from '../../fact.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { power } from './power.ts';
import { haveLookedAt } from './use-connection.ts';

/** Has the provider reboot a machine, which then has to be reached anew. */
export async function reboot(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { id, generation, cause } = machine;
  if (id === null) throw new Error(`Machine "${name}" has no instance. This is a bug in plan.`);
  const startedAt = context.wiring.clock.now();
  context.wiring.connections.discard(instanceOf(id));
  const { timeouts } = context.service(machine.service);
  const request = { verb: 'reboot', id, provider: machine.provider, timeout: timeouts.launch } as const;
  const answer = await power(request, context, cancel);
  // One that is off boots when it is started, which is due next.
  if (answer.kind === 'accepted' || (await isOff(id, context, cancel)))
    return [
      {
        type: 'machine-revised',
        machine: name,
        generation,
        to: 'connect',
        cause: cause ?? 'it was rebooted',
      },
    ];
  const failure = failureOf('launch', 'refused', `Cannot reboot: ${answer.why}`);
  const failed = { failure, gaveUp: true, retryAt: null };
  const attempt = machine.attempts.launch ?? 1;
  return [{ type: 'step-failed', machine: name, generation, step: 'launch', attempt, startedAt, failed }];
}

async function isOff(id: string, context: PerformContext, cancel: Cancel): Promise<boolean> {
  const seen = await haveLookedAt(id, context, cancel);
  return seen?.state === 'stopped' || seen?.state === 'stopping';
}
