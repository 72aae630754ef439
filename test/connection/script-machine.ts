import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Access } from '../../src/machine.ts';
import { BUSYBOX, dockerMissing, startDocker } from '../support/docker.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';

/** A machine of this computer's root on which scripts are run, and whose files a test can look at. */
export interface ScriptMachine extends AsyncDisposable {
  readonly access: Access;
  /** Holds the files of the runner. */
  readonly directory: string;
  /** Home of the login user, who is root. */
  readonly home: string;
}

/** One way to reach machines. */
export interface MachineKind {
  readonly name: string;
  /** Why there are none here; undefined: there are. */
  readonly missing: string | undefined;
  start(): Promise<ScriptMachine>;
}

export const OPENSSH: MachineKind = {
  name: 'OpenSSH',
  missing: sshdMissing(),
  async start() {
    const sshd = await startSshd();
    return {
      access: sshd.access,
      directory: sshd.home,
      home: sshd.home,
      [Symbol.asyncDispose]: () => sshd[Symbol.asyncDispose](),
    };
  },
};

/** The test's own environment stands for the caller's. */
export const PROCESSES: MachineKind = {
  name: 'processes of this computer',
  missing: process.getuid?.() === 0 ? undefined : 'users are changed as root only',
  async start() {
    const [directory, home] = await Promise.all(
      ['directory', 'home'].map((name) => mkdtemp(join(tmpdir(), `plan-process-${name}-`))),
    );
    if (directory === undefined || home === undefined) throw new Error('Cannot make directories');
    for (const [name, value] of Object.entries({ HOME: home, USER: 'root', LOGNAME: 'root' }))
      vi.stubEnv(name, value);
    return {
      access: { kind: 'process', directory },
      directory,
      home,
      async [Symbol.asyncDispose]() {
        vi.unstubAllEnvs();
        for (const path of [directory, home]) await rm(path, { recursive: true });
      },
    };
  },
};

/** A container of busybox alone. */
export const CONTAINERS: MachineKind = {
  name: 'containers',
  missing: dockerMissing(),
  async start() {
    const docker = await startDocker();
    const { Id: container } = (await docker.call('POST', '/containers/create', {
      Image: BUSYBOX,
      Entrypoint: ['/bin/sh', '-c', 'trap exit TERM; while :; do sleep 100000 & wait; done'],
      HostConfig: { Init: true, NetworkMode: 'none' },
    })) as { readonly Id: string };
    await docker.call('POST', `/containers/${container}/start`);
    const { State } = await docker.inspect(container);
    const home = `/proc/${State.Pid}/root/root`;
    return {
      access: { kind: 'docker', container, engine: docker.address, user: null, address: '' },
      directory: home,
      home,
      [Symbol.asyncDispose]: () => docker[Symbol.asyncDispose](),
    };
  },
};
