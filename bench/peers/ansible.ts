import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Field } from './field.ts';
import { isInstalled } from './installed.ts';
import type { Peer } from './peer.ts';
import { measureWhole } from './whole.ts';

const run = promisify(execFile);

/** `ansible-playbook` with a play for each group and a task for each script. */
export function ansible(field: Field): Peer {
  return {
    name: 'Ansible',
    limit: 0.2,
    missing: isInstalled('ansible-playbook') ? undefined : 'Ansible is not installed (Debian: ansible-core)',
    async run() {
      const cwd = await mkdtemp(join(field.directory, 'ansible-'));
      await writeFile(join(cwd, 'ansible.cfg'), configuration(field, cwd));
      await writeFile(join(cwd, 'known_hosts'), `* ${field.hostKey}\n`);
      await writeFile(join(cwd, 'hosts.ini'), inventory(field));
      await writeFile(join(cwd, 'play.yml'), playbook(field));
      try {
        const env = { HOME: cwd, ANSIBLE_CONFIG: join(cwd, 'ansible.cfg') };
        return await measureWhole(['ansible-playbook', '-i', 'hosts.ini', 'play.yml'], { cwd, env });
      } finally {
        await endMasters(join(cwd, 'control'));
        await rm(cwd, { recursive: true, force: true });
      }
    },
  };
}

function configuration({ port }: Field, cwd: string): string {
  return `[defaults]
forks = 100
local_tmp = ${cwd}/tmp
remote_port = ${port}
[ssh_connection]
pipelining = True
control_path_dir = ${cwd}/control
control_path = %(directory)s/%%h
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${cwd}/known_hosts
`;
}

function inventory({ groups, user, privateKey }: Field): string {
  const lists = Object.entries(groups).map(([name, hosts]) => `[${name}]\n${hosts.join('\n')}\n`);
  return `${lists.join('')}[all:vars]
ansible_user=${user}
ansible_ssh_private_key_file=${privateKey}
ansible_python_interpreter=/usr/bin/python3
`;
}

function playbook({ groups, scripts }: Field): string {
  const tasks = [{ script: scripts.bootstrap }, { script: scripts.verify }];
  return JSON.stringify(Object.keys(groups).map((hosts) => ({ hosts, gather_facts: false, tasks })));
}

/** The connections that outlive the playbook, so that each run opens its own. */
async function endMasters(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    await run('ssh', ['-F', 'none', '-O', 'exit', '-o', `ControlPath=${join(directory, name)}`, name]);
}
