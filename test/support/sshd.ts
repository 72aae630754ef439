import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshAccess } from '../../src/machine.ts';

/** A real OpenSSH server on a loopback port, whose user root is let in by a key of its own. */
export interface Sshd extends AsyncDisposable {
  readonly access: SshAccess;
  /** Home of those who log in, empty at first. */
  readonly home: string;
  /** Directory of the server's own files. */
  readonly directory: string;
  readonly log: () => Promise<string>;
}

export type HostKeyType = 'ed25519' | 'ecdsa' | 'rsa';

const BINARY = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path));

/** Why no server can be started here; undefined if one can. */
export function sshdMissing(): string | undefined {
  if (BINARY === undefined) return 'there is no sshd here (Debian: openssh-server)';
  if (process.getuid?.() !== 0) return 'sshd is started as root only';
  return undefined;
}

/**
 * `config`: further lines of sshd_config. `hostKeyType`: of the first host key; `moreHostKeys` are in `host-<type>`.
 * `privateKey`: of another server, to be let in with; default: one of its own.
 */
export async function startSshd({
  config = [],
  hostKeyType = 'ed25519',
  moreHostKeys = [],
  privateKey,
  port: wantedPort,
  address = '127.0.0.1',
  environment,
  world,
}: {
  readonly config?: readonly string[];
  readonly hostKeyType?: HostKeyType;
  readonly moreHostKeys?: readonly HostKeyType[];
  readonly privateKey?: string;
  readonly port?: number;
  /** Where it listens; 0.0.0.0: at every address of this computer. */
  readonly address?: string;
  /** Variables of those who log in; default: the HOME that is told. */
  readonly environment?: string;
  /** Shell commands that make a world of the server's own, in which what is mounted is seen by nobody else. */
  readonly world?: string;
} = {}): Promise<Sshd> {
  if (BINARY === undefined) throw new Error(sshdMissing());
  const directory = await mkdtemp(join(tmpdir(), 'plan-sshd-'));
  const home = join(directory, 'home');
  await mkdir(home, { mode: 0o700 });
  if (!existsSync('/run/sshd')) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const keys: Record<string, HostKeyType> = { host: hostKeyType };
  for (const type of moreHostKeys) keys[`host-${type}`] = type;
  if (privateKey === undefined) keys['user'] = 'ed25519';
  for (const [name, type] of Object.entries(keys)) {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', join(directory, name)]);
  }
  const port = wantedPort ?? (await freePort());
  const userKey = privateKey ?? join(directory, 'user');
  const lines = [
    `ListenAddress ${address}:${port}`,
    // The first line of a kind counts.
    ...config,
    `HostKey ${join(directory, 'host')}`,
    ...moreHostKeys.map((type) => `HostKey ${join(directory, `host-${type}`)}`),
    `AuthorizedKeysFile ${userKey}.pub`,
    `PidFile ${join(directory, 'pid')}`,
    `SetEnv ${environment ?? `HOME=${home}`}`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin prohibit-password',
    'MaxStartups 500',
  ];
  // Others than root are let in by the key in there.
  if (world !== undefined) await chmod(directory, 0o755);
  await writeFile(join(directory, 'config'), `${lines.join('\n')}\n`);
  const log = join(directory, 'log');
  await appendFile(log, '');
  const command = [BINARY, '-D', '-f', join(directory, 'config'), '-E', log];
  const [file = '', ...args] =
    world === undefined
      ? command
      : ['unshare', '-m', 'sh', '-ec', `{\n${world}\n} >&2\nexec "$@"`, 'sh', ...command];
  const output = world === undefined ? 'ignore' : openSync(log, 'a');
  const server = spawn(file, args, { stdio: ['ignore', 'ignore', output] });
  if (typeof output === 'number') closeSync(output);
  const exited = once(server, 'exit');
  await untilListening(port, server.exitCode === null ? exited : Promise.resolve(), log);
  return {
    access: {
      kind: 'ssh',
      host: '127.0.0.1',
      port,
      user: 'root',
      privateKey: userKey,
      hostKey: (await readFile(join(directory, 'host.pub'), 'utf8')).trim(),
    },
    home,
    directory,
    log: () => readFile(log, 'utf8'),
    async [Symbol.asyncDispose]() {
      server.kill('SIGTERM');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port: number, exited: Promise<unknown>, log: string): Promise<void> {
  const server = { over: false };
  void exited.then(() => {
    server.over = true;
  });
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      if (server.over) throw new Error(`sshd did not start: ${await readFile(log, 'utf8')}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      socket.destroy();
    }
  }
}
