import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fingerprint, parseHostKey } from '../../src/connection/host-key.ts';
import { startWorld } from '../../test/support/sshd-world.ts';

/** 100 addresses of one real sshd, and the scripts that are run there. */
export interface Field extends AsyncDisposable {
  /** Brought up one after the other. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly port: number;
  readonly user: string;
  /** Path. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  readonly fingerprint: string;
  /** Paths of executable files, to be run one after the other on each host. */
  readonly scripts: { readonly bootstrap: string; readonly verify: string };
  /** For the files of the contestants, which it outlives. */
  readonly directory: string;
  /** Seconds of CPU that sshd, and all that it started, used so far; waits until no more connections are there. */
  serverCpu(options: { readonly connections: number }): Promise<number>;
}

const USER = 'bench';
const HALF = 50;

/** All hosts share a home: a file that one of them writes is never empty for another one that looks. */
const SCRIPTS = { bootstrap: 'echo ready >>state', verify: '[ -s state ]' };

/** Nobody is hampered by what the server allows, and the cryptography is the same for all. */
const CONFIG = [
  'MaxStartups 500',
  'KexAlgorithms ecdh-sha2-nistp256',
  'Ciphers aes128-gcm@openssh.com',
  'LogLevel ERROR',
];

export async function startField(): Promise<Field> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-bench-'));
  const world = await startWorld({
    users: [{ name: USER, uid: 47_401 }],
    config: CONFIG,
    address: '0.0.0.0',
  });
  const { port, privateKey, hostKey } = world.accessOf(USER);
  if (privateKey === null || hostKey === null) throw new Error('The server of the tests has no keys.');
  const pid = (await readFile(join(world.directory, 'pid'), 'utf8')).trim();
  const scripts = {
    bootstrap: join(directory, 'bootstrap.sh'),
    verify: join(directory, 'verify.sh'),
  };
  for (const name of ['bootstrap', 'verify'] as const)
    await writeFile(scripts[name], `#!/bin/sh\n${SCRIPTS[name]}\n`, { mode: 0o755 });
  return {
    groups: { first: addresses(0), second: addresses(1) },
    port,
    user: USER,
    privateKey,
    hostKey,
    fingerprint: fingerprint(parseHostKey(hostKey)),
    scripts,
    directory,
    async serverCpu({ connections }) {
      while ((await childrenOf(pid)).length > connections) await delay(10);
      return await cpuOfTree(pid);
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function addresses(group: number): readonly string[] {
  return Array.from({ length: HALF }, (_, i) => `127.1.${group}.${i + 1}`);
}

async function childrenOf(pid: string): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter((word) => word !== '');
}

async function cpuOfTree(pid: string): Promise<number> {
  let cpu = cpuOf(await readFile(`/proc/${pid}/stat`, 'utf8'));
  for (const child of await childrenOf(pid)) cpu += await cpuOfTree(child);
  return cpu;
}

/** Its own time and that of the children that it waited for, in ticks of 10 ms. */
function cpuOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}
