import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What node needs, and where the files of OpenSSH are. Secrets and agents come with the connections that need them. */
const ENVIRONMENT = ['PATH', 'HOME', 'LD_LIBRARY_PATH', 'TMPDIR', 'TZ'] as const;

/** The program of the keeper, which is one and the same for commands and for the library. */
export function keeperScript(): string {
  const beside = fileURLToPath(new URL('./keeper-main.js', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../../dist/cli/keeper-main.js', import.meta.url));
}

/** Starts a keeper in a session of its own, and resolves when there is one. Rejects with an `Error`. */
export async function startKeeperProcess(stateDirectory: string, script: string): Promise<void> {
  const child = spawn(process.execPath, [script, stateDirectory], {
    cwd: '/',
    detached: true,
    env: Object.fromEntries(
      ENVIRONMENT.flatMap((name) => {
        const value = process.env[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  child.unref();
  const said = await Promise.race([text(child.stdio[3] as Readable), failed]);
  if (said !== 'ready' && said !== 'busy') throw new Error(said.split('\n')[0] || 'it ended without a word');
}
