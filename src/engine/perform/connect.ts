import { isShared } from '../../colocation.ts';
import type { Target } from '../../connection/connection-pool.ts';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import { makeOwnHostKey } from '../../connection/own-host-key.ts';
import { PrivateKeyError } from '../../connection/private-key-error.ts';
import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Machine } from '../../machine.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { relaunchOrGiveUp } from './relaunch.ts';
import { tellEndless, tellShutdown } from './shutdown-timer.ts';
import { persist, targetOf } from './use-connection.ts';
import { within } from '../limit.ts';

/** Waits until a no-op over the connection succeeds: the second stage of readiness. */
export async function connect(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { generation } = machine;
  const { timeouts } = context.service(machine.service);
  const startedAt = context.wiring.clock.now();
  const attempt = (machine.attempts.connect ?? 0) + 1;
  const base = { machine: name, generation, step: 'connect', attempt, startedAt } as const;
  context.tell({ type: 'step-began', machine: name, step: 'connect', attempt });
  let latest = 'no answer';
  using limit = within(timeouts.connect, context, cancel);
  const onBroken = (error: ConnectionError): void => {
    if (error instanceof PrivateKeyError) throw error;
    latest = error.message;
  };
  try {
    const hostKey = await reach(machine, context, { signal: limit.signal, onBroken });
    return [{ type: 'step-succeeded', ...base, ...(hostKey !== null && { hostKey }) }];
  } catch (error) {
    if (limit.expired()) {
      const message = `Cannot reach the machine within ${spellDuration(timeouts.connect)}: ${latest}`;
      return relaunchOrGiveUp(machine, failureOf('connect', 'unreachable', message), { startedAt, context });
    }
    if (!(error instanceof ConnectionError)) throw error;
    // Another machine may let in.
    if (error.problem === 'authentication' && !(error instanceof PrivateKeyError)) {
      const failure = failureOf('connect', 'unreachable', error.message);
      return relaunchOrGiveUp(machine, failure, { startedAt, context });
    }
    const reason = error.problem === 'host-key' ? 'host-key' : 'unreachable';
    const failed = { failure: failureOf('connect', reason, error.message), gaveUp: true, retryAt: null };
    return [{ type: 'step-failed', ...base, failed }];
  }
}

interface Reaching extends Cancel {
  onBroken(error: ConnectionError): void;
}

/** Answers the host key to be accepted from now on, where that is another one than is known. */
async function reach(machine: Machine, context: PerformContext, reaching: Reaching): Promise<string | null> {
  const { signal } = reaching;
  let pinned: string | null = null;
  const target = targetOf(machine, context, (hostKey) => (pinned = hostKey));
  const own = await persist(target, context, reaching, async (connection) => {
    await answer(connection, target, { signal });
    if (endsByItself(machine, context)) {
      if (context.journal.state.expiresAt !== null)
        await tellShutdown(connection, machine, context, { signal });
      else if (machine.under !== null) await tellEndless(connection, machine, context, { signal });
    }
    return isGiven(machine) ? makeOwnHostKey(connection, { signal }) : null;
  });
  return own === null ? pinned : (await shows(own, machine, context, { signal })) ? own : pinned;
}

/** Its provider gives up machines that shut down. */
function endsByItself({ provider }: Machine, { provider: opened }: PerformContext): boolean {
  return !isShared(provider) && opened(provider).endsOnShutdown === true;
}

/** It was reached by the host key that its launch gave it, which others of its batch have too. */
function isGiven({ access, givenKey }: Machine): boolean {
  return givenKey !== null && access?.kind === 'ssh' && access.hostKey === givenKey;
}

/** Milliseconds within which a server has to show its new key. */
const RELOAD = 15_000;

/** True when the machine can be reached by this host key and no other one. */
async function shows(
  hostKey: string,
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<boolean> {
  const target = targetOf(machine, context);
  const { clock, connections } = context.wiring;
  const { access } = target;
  if (access.kind !== 'ssh') return false;
  using limit = within(RELOAD, context, cancel);
  const { signal } = limit;
  while (!signal.aborted) {
    connections.discard(target.key);
    try {
      await connections.use({ ...target, access: { ...access, hostKey } }, { signal }, (connection) =>
        answer(connection, target, { signal }),
      );
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionError) && !limit.expired()) throw error;
      await clock.sleep(RELOAD / 100, { signal }).catch(() => undefined);
    }
  }
  cancel.signal.throwIfAborted();
  connections.discard(target.key);
  return false;
}

async function answer(connection: Connection, { access }: Target, cancel: Cancel): Promise<void> {
  const { exitCode, stdout, stderr } = await connection.ready(cancel);
  if (exitCode === 0) return;
  const said = [stdout, stderr].map((bytes) => bytes.toString().trim()).find((text) => text !== '');
  const user = access.kind === 'ssh' ? `the login user "${access.user}"` : 'it';
  const end = exitCode === null ? 'it was killed' : `a no-op command ended with ${exitCode}`;
  const why = (said ?? end).split('\n').at(-1) ?? '';
  throw new ConnectionError('unreachable', `${user} has no usable shell there: ${why}`);
}
