import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Field } from './field.ts';
import { isInstalled } from './installed.ts';
import type { Peer } from './peer.ts';
import { measureWhole } from './whole.ts';

/** `parallel-ssh`, which starts an OpenSSH client for each host. `limit`: what `plan` may take of its time. */
export async function parallelSsh(field: Field, limit: number): Promise<Peer> {
  const { cwd, options, hosts } = await prepare(field, 'parallel-ssh');
  const file = join(cwd, 'hosts');
  await writeFile(file, hosts.map((host) => `${host}\n`).join(''));
  const command = ['parallel-ssh', '-h', file, '-p', String(hosts.length)];
  return {
    name: 'parallel-ssh',
    limit,
    missing: isInstalled('parallel-ssh') ? undefined : 'parallel-ssh is not installed (Debian: pssh)',
    run: () =>
      measureWhole([...command, ...options.flatMap((option) => ['-O', option]), 'true'], {
        cwd,
        env: { HOME: cwd },
      }),
  };
}

/** `clush`, which does as well. */
export async function clush(field: Field, limit: number): Promise<Peer> {
  const { cwd, options, hosts } = await prepare(field, 'clush');
  const ssh = options.map((option) => `-o ${option}`).join(' ');
  const command = ['clush', '-n', '-f', String(hosts.length), '-w', hosts.join(','), '-o', `-F none ${ssh}`];
  return {
    name: 'clush',
    limit,
    missing: isInstalled('clush') ? undefined : 'clush is not installed (Debian: clustershell)',
    run: () => measureWhole([...command, 'true'], { cwd, env: { HOME: cwd } }),
  };
}

/** A home, and options of the OpenSSH client: host keys are checked, as `plan` does. */
async function prepare(
  { directory, groups, port, user, privateKey, hostKey }: Field,
  name: string,
): Promise<{
  readonly cwd: string;
  readonly options: readonly string[];
  readonly hosts: readonly string[];
}> {
  const cwd = join(directory, name);
  await mkdir(cwd, { recursive: true });
  const knownHosts = join(cwd, 'known_hosts');
  await writeFile(knownHosts, `* ${hostKey}\n`);
  const options = [
    `Port=${port}`,
    `User=${user}`,
    `IdentityFile=${privateKey}`,
    'IdentitiesOnly=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'StrictHostKeyChecking=yes',
  ];
  return { cwd, options, hosts: Object.values(groups).flat() };
}
