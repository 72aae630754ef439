import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  copyFile,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { quoted } from './cloud-init.ts';
import type { CloudFile, CloudInit, HostKey } from './cloud-init.ts';
import { IMAGE_ETC, OWN, PROGRAMS, SSHD_LOG } from './machine-power.ts';

const run = promisify(execFile);

const UID = 1000;

/** Not this computer's: made for each machine, or left out. */
const NOT_SHARED =
  /^(ssh|default|\.pwd\.lock|sudoers(\.d)?|(passwd|shadow|group|gshadow)-?|hosts|hostname|machine-id|cloud)$/;

/** What all disks begin as; copying it is quick, for most of /etc are links to this computer's. */
export async function makeImage(image: string, minute = 60): Promise<void> {
  for (const path of [
    ...OWN,
    '/var/lib',
    '/var/lib/image',
    IMAGE_ETC,
    PROGRAMS,
    '/var/log',
    '/var/tmp',
    '/var/cache',
  ]) {
    await mkdir(join(image, path), { recursive: true });
  }
  await chmod(join(image, 'root'), 0o700);
  await chmod(join(image, 'var/tmp'), 0o1777);
  await writeFile(join(image, SSHD_LOG), '');
  await writeFile(join(image, PROGRAMS, 'shutdown'), shutdownProgram(minute), { mode: 0o755 });
  await symlink('/run', join(image, 'var/run'));
  await symlink('/run/lock', join(image, 'var/lock'));
  for (const entry of (await readdir('/etc')).filter((name) => !NOT_SHARED.test(name))) {
    const path = join('/etc', entry);
    const isLink = (await lstat(path)).isSymbolicLink();
    await symlink(isLink ? await readlink(path) : join(IMAGE_ETC, entry), join(image, path));
  }
  for (const directory of ['ssh', 'ssh/sshd_config.d', 'sudoers.d', 'default']) {
    await mkdir(join(image, 'etc', directory));
  }
  await writeFile(join(image, 'etc/default/ssh'), `SSHD_OPTS='-E ${SSHD_LOG}'\n`);
  if (existsSync('/etc/sudoers')) {
    await copyFile('/etc/sudoers', join(image, 'etc/sudoers'));
    await chmod(join(image, 'etc/sudoers'), 0o440);
  }
  await writeFile(join(image, 'etc/ssh/sshd_config'), SSHD_CONFIG);
}

/** `shutdown -h +N` and `shutdown -c`, of which a reboot forgets the former; `minute`: seconds. */
function shutdownProgram(minute: number): string {
  return `#!/bin/sh
[ "$(id -u)" = 0 ] || { echo "shutdown: only root may do that" >&2; exit 1; }
if [ -e /run/shutdown.pid ]; then kill "$(cat /run/shutdown.pid)"; rm -f /run/shutdown.pid; fi
case "$*" in
  -c) exit 0 ;;
  '-h +'*) ;;
  *) echo "shutdown: no such arguments: $*" >&2; exit 1 ;;
esac
setsid sh -c 'echo $$ >/run/shutdown.pid; sleep "$1"; : >/run/shut-down; kill "$(cat /run/power-cord)"' \\
  sh "$(echo "\${2#+} * ${minute}" | awk '{ print $1 * $3 }')" </dev/null >/dev/null 2>&1 3<&- &
`;
}

const SSHD_CONFIG = `Include /etc/ssh/sshd_config.d/*.conf
PidFile /run/sshd.pid
LogLevel VERBOSE
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
`;

/** The disk of a new instance, as cloud-init leaves it but for what `boot.sh` does inside the machine. */
export async function makeDisk({
  image,
  disk,
  id,
  user,
  sudo,
  authorizedKeys,
  userData,
  init,
}: {
  readonly image: string;
  readonly disk: string;
  readonly id: string;
  readonly user: string;
  readonly sudo: boolean;
  readonly authorizedKeys: readonly string[];
  readonly userData: Buffer | null;
  readonly init: CloudInit;
}): Promise<void> {
  await run('cp', ['-a', image, disk]);
  await writeFile(join(disk, 'etc/hostname'), `${id}\n`);
  await writeFile(join(disk, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${id}\n`);
  await writeFile(join(disk, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
  await writeUsers(disk, user);
  if (sudo && user !== 'root') {
    await writeFile(join(disk, 'etc/sudoers.d/90-cloud-init-users'), `${user} ALL=(ALL) NOPASSWD:ALL\n`, {
      mode: 0o440,
    });
  }
  await writeAuthorizedKeys(disk, user, [...authorizedKeys, ...init.authorizedKeys]);
  await writeHostKeys(join(disk, 'etc/ssh'), init.hostKeys);
  const instance = join(disk, 'var/lib/cloud/instance');
  await mkdir(join(instance, 'scripts'), { recursive: true });
  await writeFile(join(instance, 'user-data.txt'), userData ?? '', { mode: 0o600 });
  await writeFile(join(instance, 'boot.sh'), bootProgram(init), { mode: 0o700 });
  await writeFile(join(instance, 'pending'), '');
  for (const { name, content } of init.scripts) {
    await writeFile(join(instance, 'scripts', name), content, { mode: 0o700 });
  }
}

/** Where sshd listens: an instance that was stopped may get another address. */
export async function setAddress(disk: string, address: string, port: number): Promise<void> {
  const path = join(disk, 'etc/ssh/sshd_config.d/10-address.conf');
  await rm(path, { force: true });
  await writeFile(path, `ListenAddress ${address}:${port}\n`);
}

async function writeUsers(disk: string, user: string): Promise<void> {
  const passwd = await systemLines('/etc/passwd', user);
  const group = await systemLines('/etc/group', user);
  if (user !== 'root') {
    const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh';
    passwd.push(`${user}:x:${UID}:${UID}::/home/${user}:${shell}`);
    group.push(`${user}:x:${UID}:`);
  }
  const names = (lines: readonly string[]) => lines.map((line) => line.slice(0, line.indexOf(':')));
  const etc = join(disk, 'etc');
  await writeFile(join(etc, 'passwd'), lined(passwd));
  await writeFile(join(etc, 'group'), lined(group));
  // "*": no password is right, and the account is not locked.
  await writeFile(join(etc, 'shadow'), lined(names(passwd).map((name) => `${name}:*:19000:0:99999:7:::`)), {
    mode: 0o600,
  });
  await writeFile(join(etc, 'gshadow'), lined(names(group).map((name) => `${name}:*::`)), { mode: 0o600 });
}

/** Without people and without `user`. */
async function systemLines(path: string, user: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.filter((line) => {
    const [name, , number] = line.split(':');
    if (name === 'root') return true;
    return number !== undefined && name !== user && (Number(number) < UID || Number(number) === 65534);
  });
}

async function writeAuthorizedKeys(disk: string, user: string, keys: readonly string[]): Promise<void> {
  const home = join(disk, user === 'root' ? 'root' : `home/${user}`);
  const id = user === 'root' ? 0 : UID;
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const file = join(home, '.ssh/authorized_keys');
  await writeFile(file, lined(keys.map((key) => key.trim())), { mode: 0o600 });
  for (const path of [home, join(home, '.ssh'), file]) await chown(path, id, id);
}

async function writeHostKeys(directory: string, keys: readonly HostKey[] | null): Promise<void> {
  if (keys === null) {
    // No RSA key, unlike real images: it would cost more than the whole boot.
    const make = (type: string) =>
      run('ssh-keygen', [
        '-q',
        '-t',
        type,
        '-N',
        '',
        '-C',
        '',
        '-f',
        join(directory, `ssh_host_${type}_key`),
      ]);
    await Promise.all(['ed25519', 'ecdsa'].map(make));
    return;
  }
  for (const key of keys) {
    const path = join(directory, `ssh_host_${key.type}_key`);
    await writeFile(path, lined([key.private.trimEnd()]), { mode: 0o600 });
    const text = key.public ?? (await run('ssh-keygen', ['-y', '-f', path])).stdout;
    await writeFile(`${path}.pub`, lined([text.trimEnd()]), { mode: 0o644 });
  }
}

/** What is to be done inside the machine, before sshd starts: only there its paths mean what the user data meant. */
function bootProgram(init: CloudInit): string {
  return lined([
    ...init.warnings.map((warning) => `echo ${quoted(`WARNING: ${warning}`)}`),
    ...init.files.map(fileProgram),
  ]);
}

function fileProgram({ path, content, mode, owner, append }: CloudFile): string {
  const name = quoted(path);
  return [
    `mkdir -p "$(dirname ${name})"`,
    `base64 -d ${append ? '>>' : '>'}${name} <<'END'`,
    content.toString('base64'),
    'END',
    `chmod ${mode.toString(8)} ${name}`,
    `chown ${quoted(owner)} ${name}`,
  ].join('\n');
}

function lined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
