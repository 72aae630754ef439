import type { ConnectionPool } from '../connection-pool.ts';
import { createConnectionPool } from '../pool.ts';
import type { KeeperClient } from './keeper-client.ts';

/** A pool whose SSH connections are a keeper's where there is one. All others, and without one all, are `direct`. */
export function createKeptPool({
  client,
  direct,
}: {
  readonly client: KeeperClient;
  readonly direct: ConnectionPool;
}): ConnectionPool {
  // The keeper bounds the handshakes of all who use it.
  const kept = createConnectionPool({
    open: (access, options, key) => client.open(access, options, key),
    handshakes: Infinity,
  });

  function release(key: string): void {
    kept.release(key);
    direct.release(key);
  }

  return {
    async use(target, options, work) {
      options.signal.throwIfAborted();
      const isKept = target.access.kind === 'ssh' && (await client.reach(options));
      return await (isKept ? kept : direct).use(target, options, work);
    },
    release,
    discard(key) {
      release(key);
      client.discard(key);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([kept[Symbol.asyncDispose](), direct[Symbol.asyncDispose]()]);
      await client[Symbol.asyncDispose]();
    },
  };
}
