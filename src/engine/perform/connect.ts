import { ConnectionError } from '../../connection/connection.ts';
import { PrivateKeyError } from '../../connection/private-key-error.ts';
import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { relaunchOrGiveUp } from './relaunch.ts';
import { persist, targetOf, within } from './use-connection.ts';

/** Waits until a no-op over the connection succeeds: the second stage of readiness. */
export async function connect(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { timeouts } = context.service(machine.service);
  const startedAt = context.wiring.clock.now();
  const attempt = (machine.attempts.connect ?? 0) + 1;
  context.tell({ type: 'step-began', machine: name, step: 'connect', attempt });
  let pinned: string | undefined;
  let latest = 'no answer';
  using limit = within(timeouts.connect, context, cancel);
  try {
    const target = targetOf(machine, (hostKey) => (pinned = hostKey));
    const onBroken = (error: ConnectionError): void => {
      if (error instanceof PrivateKeyError) throw error;
      latest = error.message;
    };
    await persist(target, context, { signal: limit.signal, onBroken }, async (connection) => {
      const { exitCode } = await connection.exec(':', { signal: limit.signal });
      if (exitCode !== 0)
        throw new ConnectionError('unreachable', `a no-op command ended with ${exitCode ?? 'a signal'}`);
    });
  } catch (error) {
    if (limit.expired()) {
      const message = `Cannot reach the machine within ${spellDuration(timeouts.connect)}: ${latest}`;
      return relaunchOrGiveUp(machine, failureOf('connect', 'unreachable', message), { startedAt, context });
    }
    if (!(error instanceof ConnectionError)) throw error;
    const reason = error.problem === 'host-key' ? 'host-key' : 'unreachable';
    const failed = { failure: failureOf('connect', reason, error.message), gaveUp: true, retryAt: null };
    return [
      {
        type: 'step-failed',
        machine: name,
        generation: machine.generation,
        step: 'connect',
        attempt,
        startedAt,
        failed,
      },
    ];
  }
  const hostKey = pinned === undefined ? {} : { hostKey: pinned };
  return [
    {
      type: 'step-succeeded',
      machine: name,
      generation: machine.generation,
      step: 'connect',
      attempt,
      startedAt,
      ...hostKey,
    },
  ];
}
