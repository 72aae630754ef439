import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLI } from '../paths.ts';
import type { Field } from './field.ts';
import type { Contestant } from './peer.ts';
import { measureWhole } from './whole.ts';

/** What `plan exec` takes on hosts that a deployment has; that it is brought up before is not measured. */
export interface PlanExec extends AsyncDisposable {
  /** Logs in everywhere, as every command does by itself. */
  readonly fresh: Contestant;
  /** Over connections that a command before it has left open. */
  kept(): Promise<Contestant>;
}

/** Longer than a contest takes. */
const KEEP = ['--keep-connections', '10m'];

export async function planExec(field: Field): Promise<PlanExec> {
  const cwd = join(field.directory, 'plan-exec');
  await mkdir(cwd);
  await writeFile(join(cwd, 'plan.yml'), planText(field));
  const env = { HOME: cwd };
  const run = (args: readonly string[]): Promise<unknown> =>
    promisify(execFile)(process.execPath, [CLI, ...args], { cwd, env: { ...process.env, ...env } });
  const exec = ['exec', '*', '--', 'true'];
  await run(['up', 'plan.yml', '--progress', 'quiet']);
  return {
    fresh: { name: 'plan exec', run: () => measureWhole([process.execPath, CLI, ...exec], { cwd, env }) },
    async kept() {
      await run([...KEEP, ...exec]);
      return {
        name: 'plan exec, connections kept',
        run: () => measureWhole([process.execPath, CLI, ...KEEP, ...exec], { cwd, env }),
      };
    },
    [Symbol.asyncDispose]: () => endKeeper(join(cwd, '.plan')),
  };
}

/** Ends the process that keeps the connections of a state directory, which is one of its arguments. */
async function endKeeper(stateDirectory: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words[1]?.endsWith('keeper-main.js') === true && words[2] === stateDirectory)
      process.kill(Number(name), 'SIGTERM');
  }
}

function planText({ groups, port, user, privateKey, fingerprint }: Field): string {
  const hosts = Object.values(groups).flat();
  return JSON.stringify({
    version: 1,
    name: 'bench',
    providers: { pool: { type: 'hosts', hosts } },
    defaults: { provider: 'pool', ssh: { user, port, privateKey, hostKey: fingerprint } },
    levels: [{ name: 'only', services: { hosts: { count: hosts.length } } }],
  });
}
