import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshAccess } from '../../src/machine.ts';
import { startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';

export interface WorldUser {
  readonly name: string;
  readonly uid: number;
  readonly shell?: string;
  /** Relative to the world's directory. It is made, and belongs to the user; null: there is none. */
  readonly home?: string | null;
  readonly password?: string;
  /** May become anybody by sudo without a password. */
  readonly sudo?: boolean;
}

/** An OpenSSH server whose users, homes and file systems nobody else sees. */
export interface World extends Sshd {
  /** Where the homes are. */
  readonly place: string;
  accessOf(user: string): SshAccess;
}

/** `mounts`: shell commands that are run in the world's directory when homes are there. */
export async function startWorld({
  users,
  mounts = '',
  ...options
}: {
  readonly users: readonly WorldUser[];
  readonly mounts?: string;
} & Omit<NonNullable<Parameters<typeof startSshd>[0]>, 'world'>): Promise<World> {
  const place = await mkdtemp(join(tmpdir(), 'plan-world-'));
  const homeOf = ({ name, home = `home-${name}` }: WorldUser): string => join(place, home ?? 'nowhere');
  const passwd = users.map(
    (user) => `${user.name}:x:${user.uid}:${user.uid}::${homeOf(user)}:${user.shell ?? '/bin/sh'}\n`,
  );
  const shadow = users.map(({ name, password }) => `${name}:${hash(password)}:19000:0:99999:7:::\n`);
  const sudoers = users.filter(({ sudo }) => sudo === true);
  const lines = sudoers.map(({ name }) => `${name} ALL=(ALL:ALL) NOPASSWD: ALL\n`);
  await writeFile(join(place, 'passwd'), passwd.join(''));
  await writeFile(join(place, 'shadow'), shadow.join(''), { mode: 0o600 });
  await writeFile(join(place, 'sudoers'), lines.join(''), { mode: 0o440 });
  const made = users.filter(({ home }) => home !== null);
  const world = [
    `cd '${place}'`,
    'chmod 755 .',
    ...made.map((user) => `mkdir -p '${homeOf(user)}' && chown ${user.uid} '${homeOf(user)}'`),
    ...['passwd', 'shadow'].map((file) => `cat /etc/${file} >>${file}; mount --bind ${file} /etc/${file}`),
    'mount --bind sudoers /etc/sudoers',
    mounts,
  ].join('\n');
  const environment = options.environment ?? 'PLAN_WORLD=1';
  try {
    const sshd = await startSshd({ ...options, world, environment });
    return {
      ...sshd,
      place,
      accessOf: (user) => ({ ...sshd.access, user }),
      async [Symbol.asyncDispose]() {
        await sshd[Symbol.asyncDispose]();
        await rm(place, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}

function hash(password: string | undefined): string {
  if (password === undefined) return '*';
  return execFileSync('perl', ['-e', 'print crypt($ARGV[0], q($6$salt$))', password]).toString();
}
