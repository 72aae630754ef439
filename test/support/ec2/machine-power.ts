import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A machine that has power. */
export interface Power {
  /** False as soon as its first process is gone. */
  readonly on: () => boolean;
  /** Cuts it: resolves when no process of the machine is left. */
  off(): Promise<void>;
}

/** What a machine sees of a disk of its own; all else is this computer's, read-only. */
export const OWN = ['/etc', '/root', '/home', '/run', '/var', '/srv', '/opt', '/mnt', '/tmp'] as const;

/** Where a machine sees this computer's /etc. */
export const IMAGE_ETC = '/var/lib/image/etc';

/** Where its disk has the programs that it has in place of this computer's. */
export const PROGRAMS = '/var/lib/image/programs';

export const SSHD_LOG = '/var/log/auth.log';

/**
 * The first process. Its standard input is the power cord: when that ends, by off() or with the process that
 * holds it (however that dies), it exits, and the kernel kills all that runs in its namespace before it is gone.
 */
const INIT = `set -e
exec 3<&0 </dev/null
echo "$2" >/proc/sys/kernel/hostname
mount -a -T "$1"
mount -o remount,bind,ro /
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
cd /
cloud=/var/lib/cloud/instance
if [ -e $cloud/pending ]; then sh $cloud/boot.sh >>/var/log/cloud-init.log 2>&1 || :; fi
cat <&3 &
cord=$!
echo $cord >/run/power-cord
/usr/sbin/sshd -E ${SSHD_LOG}
for script in $cloud/../scripts/per-boot/*; do
  if [ -x "$script" ]; then "$script" >>/var/log/cloud-init-output.log 2>&1 || :; fi
done
if [ -e $cloud/pending ]; then
  rm $cloud/pending
  {
    for script in $cloud/scripts/*; do
      if [ -e "$script" ]; then "$script" || echo "$script: exit code $?"; fi
    done
    : >$cloud/boot-finished
  } >>/var/log/cloud-init-output.log 2>&1 &
fi
wait $cord
`;

/**
 * Resolves when sshd listens. `directory`: has `disk`; `name`: the machine's own host name. Throws with the console's
 * text when it does not come up within 30 s.
 */
export async function powerOn({
  directory,
  name,
  onShutdown = () => undefined,
}: {
  readonly directory: string;
  readonly name: string;
  /** The machine has powered itself off. */
  readonly onShutdown?: () => void;
}): Promise<Power> {
  const disk = join(directory, 'disk');
  for (const path of ['run', 'tmp']) await rm(join(disk, path), { recursive: true, force: true });
  await mkdir(join(disk, 'tmp'));
  await chmod(join(disk, 'tmp'), 0o1777);
  await mkdir(join(disk, 'run', 'sshd'), { recursive: true });
  await mkdir(join(disk, 'run', 'lock'));
  await writeFile(join(disk, 'run', 'boot-id'), `${randomUUID()}\n`);
  await writeFile(join(directory, 'mounts'), mounts(disk));
  await writeFile(join(directory, 'init'), INIT);
  const log = join(disk, SSHD_LOG);
  const logged = (await readFile(log, 'utf8')).length;
  const console = await open(join(directory, 'console'), 'w');
  const cut = new AbortController();
  const unshare = spawn(
    'unshare',
    // Detached: a Ctrl-C at the terminal is none of the machine's business.
    [
      '-mpfiu',
      '--mount-proc',
      '--kill-child',
      'sh',
      join(directory, 'init'),
      join(directory, 'mounts'),
      name,
    ],
    {
      cwd: '/',
      detached: true,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
      stdio: ['pipe', console.fd, console.fd],
    },
  );
  const exited = once(unshare, 'exit').finally(() => {
    cut.abort();
  });
  exited.catch(() => undefined);
  await once(unshare, 'spawn');
  await console.close();
  let isCut = false;
  exited.then(
    () => {
      if (!isCut && existsSync(join(disk, 'run', 'shut-down'))) onShutdown();
    },
    () => undefined,
  );
  const power: Power = {
    on: () => !cut.signal.aborted,
    async off() {
      isCut = true;
      unshare.stdin?.destroy();
      await exited;
    },
  };
  const limit = Date.now() + 30_000;
  while (!(await isWritten(join(disk, 'run', 'sshd.pid')))) {
    const said = (await readFile(log, 'utf8')).slice(logged);
    if (!power.on() || Date.now() > limit || said.includes('Cannot bind any address')) {
      await power.off();
      const text = await readFile(join(directory, 'console'), 'utf8');
      throw new Error(`Cannot boot the machine "${name}": its sshd does not run\n${text}${said}`);
    }
    await delay(5);
  }
  return power;
}

async function isWritten(path: string): Promise<boolean> {
  return existsSync(path) && (await stat(path)).size > 0;
}

/** An fstab. What holds the disk itself comes last, for it hides the disk. */
function mounts(disk: string): string {
  const own = OWN.filter((path) => existsSync(path));
  const last = own.filter((path) => disk.startsWith(`${path}/`));
  const bind = (path: string) => `${join(disk, path)} ${path} none rbind 0 0`;
  return [
    `/etc ${join(disk, IMAGE_ETC)} none bind,ro 0 0`,
    ...own.filter((path) => !last.includes(path)).map(bind),
    `${join(disk, PROGRAMS)} /usr/local/sbin none bind,ro 0 0`,
    'shm /dev/shm tmpfs mode=1777 0 0',
    ...last.map(bind),
    '',
  ].join('\n');
}
