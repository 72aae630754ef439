import { hostname, userInfo } from 'node:os';
import { systemClock } from '../clock.ts';
import { createKeeperClient } from '../connection/keeper/keeper-client.ts';
import { createKeptPool } from '../connection/keeper/kept-pool.ts';
import { createOpener } from '../connection/open.ts';
import { createConnectionPool } from '../connection/pool.ts';
import { createScriptRunner } from '../connection/shell-script-runner.ts';
import type { Wiring } from '../engine/operation.ts';
import { OperationError } from '../errors.ts';
import { openProvider } from '../providers/index.ts';
import { ProviderError } from '../providers/provider.ts';
import { createLogs } from '../state/log-files.ts';
import { openSqliteStore } from '../state/sqlite-store.ts';
import type { Store } from '../state/store.ts';
import type { OperationTools } from './operation.ts';
import type { Session } from './session.ts';

/** What operations are made of; it is freed with them. */
export type OpenWiring = Wiring & AsyncDisposable;

export function openWiring(
  { directory, owner, parallelism, lockTimeout, showOutput, keepConnections, onWarning }: Session,
  { store, observe }: { readonly store: Store; readonly observe: Wiring['observe'] },
): OpenWiring {
  const opener = createOpener();
  const connections = createKeptPool({
    client: createKeeperClient({ stateDirectory: directory, keep: keepConnections, onWarning }),
    direct: createConnectionPool({ open: (access, options) => opener.open(access, options) }),
  });
  return {
    store,
    logs: createLogs(directory),
    connections,
    runner: createScriptRunner(),
    clock: systemClock,
    provider: (config, place) => openProvider(config, { stateDirectory: directory, place }),
    owner: owner ?? `${userInfo().username}@${hostname()}`,
    parallelism,
    lockTimeout,
    showOutput,
    observe,
    async [Symbol.asyncDispose]() {
      try {
        await connections[Symbol.asyncDispose]();
      } finally {
        await opener[Symbol.asyncDispose]();
      }
    },
  };
}

/** Opens the store for writing and does the work of an operation. What a provider refuses becomes `OperationError`. */
export async function withWiring<T>(
  session: Session,
  { emit }: OperationTools,
  work: (wiring: Wiring) => Promise<T>,
): Promise<T> {
  return await orOperationError(async () => {
    await using store = await openSqliteStore(session.directory);
    await using wiring = openWiring(session, { store, observe: emit });
    return await work(wiring);
  });
}

/** What a provider refuses, as an error that people can do something about. */
export async function orOperationError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProviderError) throw new OperationError(error.message);
    throw error;
  }
}
