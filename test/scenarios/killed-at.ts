import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Scenario } from './scenario.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** Runs a command as a process of its own that is killed when it tells of its event of this number; false: it ended. */
export async function killedAt(
  event: number,
  { path, stateDirectory }: Pick<Scenario, 'path' | 'stateDirectory'>,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const child = spawn(process.execPath, [MAIN, ...argv, '--json', '--quiet', '--state-dir', stateDirectory], {
    cwd: path,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  let seen = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    seen += 1;
    if (seen === event) child.kill('SIGKILL');
  });
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return signal === 'SIGKILL';
}
