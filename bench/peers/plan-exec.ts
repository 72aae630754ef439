import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLI } from '../paths.ts';
import type { Field } from './field.ts';
import type { Contestant } from './peer.ts';
import { measureWhole } from './whole.ts';

/** `plan exec` on hosts that a deployment has; that it is brought up before is not measured. */
export async function planExec(field: Field): Promise<Contestant> {
  const cwd = join(field.directory, 'plan-exec');
  await mkdir(cwd);
  await writeFile(join(cwd, 'plan.yml'), planText(field));
  const env = { HOME: cwd };
  await promisify(execFile)(process.execPath, [CLI, 'up', 'plan.yml', '--progress', 'quiet'], {
    cwd,
    env: { ...process.env, ...env },
  });
  return {
    name: 'plan exec',
    run: () => measureWhole([process.execPath, CLI, 'exec', '*', '--', 'true'], { cwd, env }),
  };
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
