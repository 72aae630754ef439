import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Access } from '../../src/machine.ts';
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
