import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import { endlessCommand, expiryCommand } from '../../expiry-program.ts';
import type { Machine } from '../../machine.ts';
import { within } from '../limit.ts';
import type { Cancel, PerformContext } from './context.ts';
import { targetOf } from './use-connection.ts';

/** Milliseconds that a machine has to answer. */
const PATIENCE = 60_000;

/** Has a machine shut itself down when its deployment is over, or not any more. False, and a warning: it could not be told. */
export async function setShutdownTimer(
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<boolean> {
  using limit = within(PATIENCE, context, cancel);
  const { signal } = limit;
  try {
    return await context.wiring.connections.use(targetOf(machine, context), { signal }, (connection) =>
      tellShutdown(connection, machine, context, { signal }),
    );
  } catch (error) {
    if (!(error instanceof ConnectionError) && !limit.expired()) throw error;
    warn(machine, context, error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** The same over a connection that is open. */
export async function tellShutdown(
  connection: Connection,
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<boolean> {
  return await told(expiryCommand(context.journal.state.expiresAt), connection, machine, context, cancel);
}

/** Takes back what a machine was told before it was off, and its deployment had no end any more. */
export async function tellEndless(
  connection: Connection,
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<boolean> {
  return await told(endlessCommand(), connection, machine, context, cancel);
}

async function told(
  program: string,
  connection: Connection,
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<boolean> {
  const { exitCode, stderr } = await connection.exec('sh', { ...cancel, stdin: program });
  if (exitCode === 0) return true;
  const said = stderr.toString().trim().split('\n').at(-1) ?? '';
  warn(machine, context, said === '' ? `its shutdown command ended with ${exitCode ?? 'a signal'}` : said);
  return false;
}

function warn({ name }: Machine, { tell }: PerformContext, why: string): void {
  tell({
    type: 'warning',
    message: `Cannot have machine "${name}" end by itself when its time is over: ${why}`,
  });
}
