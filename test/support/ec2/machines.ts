import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootRequest, MachineBackend } from './backend.ts';
import { cloudInit } from './cloud-init.ts';
import { makeDisk, makeImage, setAddress } from './machine-disk.ts';
import { startImpostor } from './machine-impostor.ts';
import type { Impostor } from './machine-impostor.ts';
import { SSHD_LOG, powerOn } from './machine-power.ts';
import type { Power } from './machine-power.ts';

/**
 * Machines of which each has its own processes, /etc, /root, /home, /run, /tmp, /var, /srv, /opt, /mnt, host name and
 * boot id, and whose sshd listens on an address of its own. They share this computer's network and see all its other
 * files, which they cannot write. They end with this process.
 */
export interface SshdMachines extends MachineBackend {
  readonly port: number;
  /** Path under which this computer has a file of the machine's disk; links in it are meant inside the machine. */
  file(id: string, path: string): string;
  /** Its public host keys, as known_hosts has them, by type: `ed25519`, `ecdsa`, `rsa`. */
  hostKeys(id: string): Promise<Readonly<Record<string, string>>>;
  /** What its sshd logged so far, at VERBOSE. */
  log(id: string): Promise<string>;
  isOn(id: string): boolean;
  /** Another server on the address of a machine that is off: other host keys, and everybody is let in. */
  impostor(address: string, options?: { readonly user?: string }): Promise<Impostor>;
}

interface Machine {
  readonly request: BootRequest;
  readonly directory: string;
  power: Power | null;
}

/** Why no such machine can run here; undefined if they can. */
export function machinesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'the machines need the namespaces of Linux';
  if (!existsSync('/usr/sbin/sshd')) return 'there is no /usr/sbin/sshd here (Debian: openssh-server)';
  if (process.getuid?.() !== 0) return 'the machines are started as root only';
  try {
    const probe =
      'mount --bind /run /mnt && mount -o remount,bind,ro / && echo probe >/proc/sys/kernel/hostname';
    execFileSync('unshare', ['-mpfiu', '--mount-proc', '--kill-child', 'sh', '-c', probe], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `namespaces and mounts are not permitted here: ${String(error)}`;
  }
}

/**
 * `sudo`: users other than root may do everything with it, without a password; `minute`: seconds that their `shutdown`
 * takes for a minute.
 */
export async function createSshdMachines({
  port,
  sudo = true,
  minute = 60,
}: {
  readonly port: number;
  readonly sudo?: boolean;
  readonly minute?: number;
}): Promise<SshdMachines> {
  const root = await mkdtemp(join(tmpdir(), 'pm-'));
  const image = join(root, 'image');
  await makeImage(image, minute);
  const machines = new Map<string, Machine>();
  const listeners: ((id: string) => void)[] = [];
  const impostors: Promise<Impostor>[] = [];
  // One thing at a time is done with a machine, in the order in which it was asked for.
  const queues = new Map<string, Promise<void>>();
  function queued(id: string, task: () => Promise<void>): Promise<void> {
    const done = (queues.get(id) ?? Promise.resolve()).then(task);
    queues.set(
      id,
      done.catch(() => undefined),
    );
    return done;
  }

  function found(id: string): Machine {
    const machine = machines.get(id);
    if (machine === undefined)
      throw new Error(`Cannot find the machine "${id}": it was never booted, or is terminated`);
    return machine;
  }

  async function boot(request: BootRequest): Promise<void> {
    const { id, address } = request;
    const directory = join(root, id);
    const disk = join(directory, 'disk');
    const known = machines.get(id);
    if (known?.power?.on() === true) return;
    if (known === undefined) {
      await mkdir(directory);
      await makeDisk({ ...request, image, disk, sudo, init: cloudInit(request.userData) });
    }
    const machine: Machine = { request, directory, power: null };
    machines.set(id, machine);
    await setAddress(disk, address, port);
    const onShutdown = (): void => {
      for (const listener of listeners) listener(id);
    };
    machine.power = await powerOn({ directory, name: id, onShutdown });
  }

  async function off(machine: Machine | undefined): Promise<void> {
    await machine?.power?.off();
    if (machine !== undefined) machine.power = null;
  }

  const file = (id: string, path: string) => join(found(id).directory, 'disk', path);
  return {
    port,
    boot: (request) => queued(request.id, () => boot(request)),
    stop: (id) => queued(id, () => off(machines.get(id))),
    reboot: (id) =>
      queued(id, async () => {
        await off(found(id));
        await boot(found(id).request);
      }),
    terminate: (id) =>
      queued(id, async () => {
        await off(machines.get(id));
        machines.delete(id);
        await rm(join(root, id), { recursive: true, force: true });
      }),
    onShutdown: (listener) => listeners.push(listener),
    file,
    async hostKeys(id) {
      const directory = file(id, 'etc/ssh');
      const keys: Record<string, string> = {};
      for (const name of await readdir(directory)) {
        const type = /^ssh_host_(\w+)_key\.pub$/.exec(name)?.[1];
        if (type === undefined) continue;
        keys[type] = (await readFile(join(directory, name), 'utf8')).trim().split(' ').slice(0, 2).join(' ');
      }
      return keys;
    },
    log: (id) => readFile(file(id, SSHD_LOG), 'utf8'),
    isOn: (id) => machines.get(id)?.power?.on() === true,
    impostor(address, { user = 'root' } = {}) {
      const directory = join(root, `impostor-${impostors.length}`);
      const impostor = startImpostor({ directory, image, address, port, user });
      impostors.push(impostor);
      return impostor;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(queues.values());
      await Promise.all([...machines.values()].map(off));
      for (const impostor of await Promise.allSettled(impostors)) {
        if (impostor.status === 'fulfilled') await impostor.value[Symbol.asyncDispose]();
      }
      await rm(root, { recursive: true, force: true });
    },
  };
}
