import { hostname, userInfo } from 'node:os';
import { systemClock } from '../clock.ts';
import { createOpener } from '../connection/open.ts';
import { createConnectionPool } from '../connection/pool.ts';
import { createScriptRunner } from '../connection/shell-script-runner.ts';
import type { Wiring } from '../engine/operation.ts';
import { openProvider } from '../providers/index.ts';
import { createLogs } from '../state/log-files.ts';
import type { Store } from '../state/store.ts';
import type { GlobalFlags } from './global-flags.ts';

/** Builds what operations are made of, and frees it after `use`. */
export async function withWiring<T>(
  parts: {
    readonly store: Store;
    readonly stateDirectory: string;
    readonly flags: Pick<GlobalFlags, 'parallelism' | 'lockTimeout' | 'verbose'>;
    readonly observe: Wiring['observe'];
  },
  use: (wiring: Wiring) => Promise<T>,
): Promise<T> {
  const { store, stateDirectory, flags, observe } = parts;
  await using opener = createOpener();
  await using connections = createConnectionPool({ open: opener.open });
  return await use({
    store,
    logs: createLogs(stateDirectory),
    connections,
    runner: createScriptRunner(),
    clock: systemClock,
    provider: (config, place) => openProvider(config, { stateDirectory, place }),
    owner: `${userInfo().username}@${hostname()}`,
    parallelism: flags.parallelism,
    lockTimeout: flags.lockTimeout,
    showOutput: flags.verbose,
    observe,
  });
}
