import { childSignal } from '../../child-signal.ts';
import type { Clock } from '../../clock.ts';
import { instanceOf } from '../../colocation.ts';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { ConnectionPool } from '../../connection/connection-pool.ts';
import type { Access } from '../../machine.ts';
import type { Fleet } from './fleet.ts';
import { CONNECT_LIMIT, isDown, notThere, unanswered } from './out-of-reach.ts';

/**
 * A fleet that connects by what is recorded of a machine. Only where that does not do it opens another one, which knows
 * the plan: for passwords, and for providers, which may have to serve their machines again.
 */
export function plainFleet(
  { clock, connections }: { readonly clock: Clock; readonly connections: ConnectionPool },
  open: () => Promise<Fleet>,
): Fleet {
  let opening: Promise<Fleet> | undefined;
  const opened = (): Promise<Fleet> => (opening ??= open());

  return {
    async use(machine, cancel, work) {
      const { name, id, access } = machine;
      if (id === null || access === null || isDown(machine)) throw notThere(machine);
      if (!isEnough(access)) return await (await opened()).use(machine, cancel, work);
      const { signal, connectWithin = CONNECT_LIMIT } = cancel;
      const startedAt = clock.now();
      const begun = { is: false };
      using connecting = childSignal(signal);
      const late = unanswered(name, connectWithin);
      const stop = clock.after(connectWithin, () => connecting.abort(late));
      const begin = (connection: Connection): ReturnType<typeof work> => {
        stop();
        begun.is = true;
        return work(connection);
      };
      try {
        const target = { key: instanceOf(id), access };
        return await connections.use(target, { signal: connecting.signal }, begin);
      } catch (error) {
        const left = connectWithin - (clock.now() - startedAt);
        if (begun.is || signal.aborted || left <= 0 || !isWorthMore(error)) throw error;
        return await (await opened()).use(machine, { ...cancel, connectWithin: left }, work);
      } finally {
        stop();
      }
    },
    async [Symbol.asyncDispose]() {
      const [end] = await Promise.allSettled(opening === undefined ? [] : [opening]);
      if (end?.status === 'fulfilled') await end.value[Symbol.asyncDispose]();
    },
  };
}

/** Where there is no key a password may be needed, which the plan has. */
function isEnough(access: Access): boolean {
  return access.kind !== 'ssh' || access.privateKey !== null;
}

function isWorthMore(error: unknown): boolean {
  return error instanceof ConnectionError && error.problem !== 'failed' && error.problem !== 'host-key';
}
