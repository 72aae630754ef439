import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
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
  const { expiresAt } = context.journal.state;
  const minutes =
    expiresAt === null ? null : Math.max(1, Math.ceil((expiresAt - context.wiring.clock.now()) / 60_000));
  const { exitCode, stderr } = await connection.exec(shutdownCommand(minutes), cancel);
  if (exitCode === 0) return true;
  const said = stderr.toString().trim().split('\n').at(-1) ?? '';
  warn(machine, context, said === '' ? `its shutdown command ended with ${exitCode ?? 'a signal'}` : said);
  return false;
}

/** As root, or as a user who may become root without a password. */
export function shutdownCommand(minutes: number | null): string {
  const root = 'root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }';
  const cancel = 'root shutdown -c >/dev/null 2>&1';
  return `sh -c '${root}; ${cancel}; ${minutes === null ? ':' : `root shutdown -h +${minutes} >/dev/null`}'`;
}

function warn({ name }: Machine, { tell }: PerformContext, why: string): void {
  tell({
    type: 'warning',
    message: `Cannot have machine "${name}" end by itself when its time is over: ${why}`,
  });
}
