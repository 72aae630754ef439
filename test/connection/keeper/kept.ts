import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionPool, Target } from '../../../src/connection/connection-pool.ts';
import { createKeeperClient } from '../../../src/connection/keeper/keeper-client.ts';
import type { KeeperClientOptions } from '../../../src/connection/keeper/keeper-client.ts';
import { createKeptPool } from '../../../src/connection/keeper/kept-pool.ts';
import { createOpener } from '../../../src/connection/open.ts';
import { createConnectionPool } from '../../../src/connection/pool.ts';
import { endKeepers } from '../../support/keepers.ts';
import type { Sshd } from '../../support/sshd.ts';

/** A state directory whose keepers end with it. */
export interface KeptState extends AsyncDisposable {
  readonly directory: string;
  readonly warnings: readonly string[];
  /** The pool of one command. */
  command(options?: Partial<KeeperClientOptions>): ConnectionPool;
}

/** Longer than a test takes. */
const KEEP = 60_000;

export async function keptState(): Promise<KeptState> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'plan-kept-')));
  const warnings: string[] = [];
  return {
    directory,
    warnings,
    command(options) {
      const opener = createOpener();
      return createKeptPool({
        client: createKeeperClient({
          stateDirectory: directory,
          keep: KEEP,
          onWarning: (message) => void warnings.push(message),
          ...options,
        }),
        direct: createConnectionPool({ open: (access, more) => opener.open(access, more) }),
      });
    },
    async [Symbol.asyncDispose]() {
      await endKeepers(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** How often somebody was let in. */
export async function loginsAt(sshd: Sshd): Promise<number> {
  return [...(await sshd.log()).matchAll(/Accepted \w+ for/g)].length;
}

/** The output of a command on a target. */
export async function outputOf(pool: ConnectionPool, target: Target, command: string): Promise<string> {
  const { signal } = new AbortController();
  return await pool.use(target, { signal }, async (connection) =>
    String((await connection.exec(command, { signal })).stdout),
  );
}

/** A whole command: its pool is opened, used once and closed. */
export async function runOnce(state: KeptState, target: Target, command = 'echo fine'): Promise<string> {
  await using pool = state.command();
  return await outputOf(pool, target, command);
}
