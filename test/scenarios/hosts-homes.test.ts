import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keyOf } from '../support/ssh-access.ts';
import { sshdMissing } from '../support/sshd.ts';
import { startWorld } from '../support/sshd-world.ts';
import type { World, WorldUser } from '../support/sshd-world.ts';
import { machinesOf, scenario } from './scenario.ts';

const missing = sshdMissing();
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));

const HOMES = ['fine', 'readonly', 'noexec', 'missing'] as const;
const SHELLS: Readonly<Record<string, string>> = {
  dash: '/bin/dash',
  bash: '/bin/bash',
  ...(BUSYBOX !== undefined && { busybox: '/mnt/sh' }),
};
/** Who runs the scripts of a service, and how it is called after the host. */
const ROLES: Readonly<Record<string, string>> = { login: '', root: 'user: root', other: 'user: other' };

/** Where there is nothing but the applets of busybox, and what changes users. */
const APPLETS = `
mount -t tmpfs tmpfs /mnt
"${BUSYBOX ?? ''}" --install -s /mnt
ln -sf "$(command -v sudo)" /mnt/sudo
[ -e /mnt/su ] || ln -s "$(command -v su)" /mnt/su
mount --bind "${BUSYBOX ?? ''}" /bin/sh`;

/** Users who may become anybody, called by their shells and homes; the homes that others cannot write to, or run from. */
async function startHosts(shells: readonly string[], mounts: string, environment?: string): Promise<World> {
  const users = shells.flatMap((shell) =>
    HOMES.map((home, i): WorldUser => {
      const name = `${shell}-${home}`;
      const uid = 47_400 + Object.keys(SHELLS).indexOf(shell) * 10 + i;
      return {
        name,
        uid,
        home: home === 'missing' ? null : name,
        shell: SHELLS[shell] ?? '',
        sudo: true,
      };
    }),
  );
  const others: WorldUser = {
    name: 'other',
    uid: 47_450,
    home: 'other',
    shell: SHELLS[shells[0] ?? ''] ?? '',
  };
  return await startWorld({
    users: [...users, others],
    address: '0.0.0.0',
    ...(environment !== undefined && { environment }),
    mounts: `
mkdir vartmp
chmod 1777 vartmp
mount -t tmpfs -o mode=0700 tmpfs /root
mount --bind vartmp /var/tmp
for shell in ${shells.join(' ')}; do
  mount --bind $shell-readonly $shell-readonly
  mount -o remount,bind,ro $shell-readonly
  mount --bind $shell-noexec $shell-noexec
  mount -o remount,bind,noexec $shell-noexec
done
${mounts}`,
  });
}

/** What plan put in homes, and beside temporary files. */
function leftOf(world: World): readonly string[] {
  const pid = readFileSync(join(world.directory, 'pid'), 'utf8').trim();
  const places = [
    ...readdirSync(world.place).map((name) => join(world.place, name)),
    `/proc/${pid}/root/root`,
  ];
  return places
    .flatMap((place) => [join(place, '.launch-plan'), ...(place.endsWith('vartmp') ? within(place) : [])])
    .filter((path) => existsSync(path));
}

function within(directory: string): readonly string[] {
  return readdirSync(directory).map((name) => join(directory, name));
}

it.skipIf(missing !== undefined)(
  `hosts need a POSIX shell alone, whoever runs scripts there and wherever homes cannot be used${missing ? `: ${missing}` : ''}`,
  async () => {
    const space = await scenario();
    await using gnu = await startHosts(['dash', 'bash'], '');
    await using busybox = BUSYBOX === undefined ? gnu : await startHosts(['busybox'], APPLETS, 'PATH=/mnt');
    const hosts = Object.keys(SHELLS).flatMap((shell) => HOMES.map((home) => `${shell}-${home}`));
    const pool = hosts.map((name, i) => {
      const { port } = (name.startsWith('busybox') ? busybox : gnu).access;
      return `{ address: 127.0.7.${i + 1}, port: ${port}, user: ${name}, labels: { name: ${name} } }`;
    });
    const services = hosts.flatMap((host) =>
      Object.entries(ROLES).map(([role, user]) => {
        const key = keyOf((host.startsWith('busybox') ? busybox : gnu).access);
        const own = `provider: pool, hosts: { labels: { name: ${host} } }, ssh: { hostKey: pinFirst, privateKey: ${JSON.stringify(key)} }`;
        const head = role === 'login' ? own : `colocate: ${host}-login, ${user}`;
        return `      ${host}-${role}: { ${head}, <<: *service }`;
      }),
    );
    await space.write(
      'boot.sh',
      '#!/bin/sh\nset -eu\ncat conf\nprintf "who=%s\\nwhere=%s\\n" "$(id -un)" "$PWD" >>"$PLAN_OUTPUT"\n',
    );
    await space.write('check.sh', '#!/bin/sh\n[ "$(id -u)" = 0 ] && [ -s conf ]\n');
    await space.write(
      'homes.yml',
      `version: 1
name: homes
providers:
  pool: { type: hosts, hosts: [ ${pool.join(', ')} ] }
x-service: &service
  files: [ { content: "{{self.name}}\\n", target: conf } ]
  bootstrap: boot.sh
  verify: { script: check.sh, user: root, timeout: 5s }
  teardown: { run: 'cat conf; [ ! -e torn ]; : >torn' }
  outputs: [who, where]
  attempts: { bootstrap: 1 }
levels:
  - name: all
    services:
${services.join('\n')}
`,
    );
    const up = await space.run(['up', 'homes.yml']);
    expect(up.code, up.stderr).toBe(0);
    const machines = machinesOf(await space.status('homes'));
    expect(machines).toHaveLength(hosts.length * 3);
    for (const { name, outputs } of machines) {
      const [, login = '', role = ''] = /^(.*)-(login|root|other)-0$/.exec(name) ?? [];
      const { who = '', where = '' } = outputs;
      expect([name, who]).toEqual([name, role === 'login' ? login : role]);
      if (role === 'login' && /readonly|missing/.test(login))
        expect(where).toMatch(/^\/var\/tmp\/launch-plan-/);
      if (role === 'root') expect(where).toMatch(/^\/root\//);
    }
    expect(leftOf(gnu)).not.toEqual([]);
    const down = await space.run(['down', '--yes', 'homes']);
    expect(down.code, down.stderr).toBe(0);
    expect([...leftOf(gnu), ...leftOf(busybox)]).toEqual([]);
  },
  90_000,
);
