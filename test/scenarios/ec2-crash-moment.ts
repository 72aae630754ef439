import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../support/until.ts';
import type { CloudScenario } from './cloud-scenario.ts';

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;

/** Milliseconds for which the answer to the call on the way is held back. */
const HELD_BACK = 400;

/**
 * Runs a command as a process of its own that is killed when its call of this action has had its effect and is not
 * answered yet. `calls`: how many of the action there are up to that one. False: it ended before.
 */
export async function killedBeforeAnswer(
  { endpoint, stateDirectory, path, env }: CloudScenario,
  action: string,
  argv: readonly string[],
  calls = 1,
): Promise<boolean> {
  const count = (): number => endpoint.calls.filter((call) => call.action === action).length;
  const wanted = count() + calls;
  endpoint.break(action, { how: 'delay', by: HELD_BACK, times: calls });
  const child = spawn(process.execPath, [MAIN, ...argv, '--quiet', '--state-dir', stateDirectory], {
    cwd: path,
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await until(() => count() >= wanted || child.exitCode !== null);
  child.kill('SIGKILL');
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return signal === 'SIGKILL';
}
