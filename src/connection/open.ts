import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Access, JumpHost, SshAccess } from '../machine.ts';
import { abortable } from './abort.ts';
import { AGENT_VARIABLE } from './agent-variable.ts';
import { createBastions } from './bastion.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { createFileCache } from './file-cache.ts';
import type { HostJudge, HostKnowledge } from './host-judge.ts';
import { judgeHost } from './host-judge.ts';
import { knownHost } from './known-hosts.ts';
import type { KnownHost } from './known-hosts.ts';
import type { OpenOptions } from './open-options.ts';
import { openThrough } from './open-through.ts';
import { PrivateKeyError } from './private-key-error.ts';
import { readPublicPart } from './public-part.ts';
import { dialTcp } from './ssh-dial.ts';
import type { LoginMethod, SshLogin } from './ssh-login.ts';
import type { PrivateKey } from './ssh.ts';

/**
 * Opens connections, and keeps what they share: private keys, known hosts, connections to the hosts between. To be
 * disposed of after the connections.
 */
export interface Opener extends AsyncDisposable {
  /** Opens a connection to a machine. Rejects with `ConnectionError`, or the signal's reason. */
  open(access: Access, options: OpenOptions): Promise<Connection>;
  /** Has keys and known hosts read again, which may have changed. */
  refresh(): void;
}

export interface OpenerOptions {
  /** Files in the format of OpenSSH's known_hosts; default: those of OpenSSH's client. */
  readonly knownHosts?: readonly string[];
  /** Milliseconds for which the connection to a host between stays open when no machine needs it. */
  readonly linger?: number;
}

const LINGER = 5_000;

type Role = 'machine' | 'bastion';

export function createOpener({ knownHosts = opensshFiles(), linger = LINGER }: OpenerOptions = {}): Opener {
  const library = lazily(() => import('./ssh.ts'));
  const keys = createFileCache<PrivateKey>(async (bytes, path) =>
    (await library()).parsePrivateKey(bytes, path),
  );
  const hosts = createFileCache((bytes) => bytes.toString());
  /** Keys of the hosts between that were accepted at first sight. */
  const pins = new Map<string, string>();

  const bastions = createBastions(
    (access, options) => {
      const place = JSON.stringify([access.host, access.port, access.jump]);
      const onHostKey = (hostKey: string): void => void pins.set(place, hostKey);
      return openAs('bastion', { ...access, hostKey: pins.get(place) ?? null }, { ...options, onHostKey });
    },
    { linger },
  );

  async function openAs(role: Role, access: SshAccess, options: OpenOptions): Promise<Connection> {
    const { signal } = options;
    signal.throwIfAborted();
    try {
      const [{ openSsh }, login, judge] = await Promise.all([
        library(),
        abortable(loginTo(access, options), signal),
        abortable(judgeOf(role, access), signal),
      ]);
      const parts = { login, judge, by: byWayOf(access.jump) };
      const bastion = bastionOf(access);
      if (bastion !== undefined)
        return await openThrough(await bastions.borrow(bastion, { signal }), access, options, (through) =>
          openSsh(access, { ...parts, dial: through.dial }, through.options),
        );
      return await openSsh(access, { ...parts, dial: () => dialTcp(access) }, options);
    } catch (error) {
      if (error instanceof ConnectionError) forget(error, access);
      throw error;
    }
  }

  /** Keys first, then the agent, then the password. A key that is of no use matters where there is nothing else. */
  async function loginTo(
    access: SshAccess,
    { password, noPassword }: OpenOptions,
  ): Promise<SshLogin<PrivateKey>> {
    const { privateKey, moreKeys = [], agent, onlyNamedKeys } = access;
    const paths = new Set(privateKey === null ? moreKeys : [privateKey, ...moreKeys]);
    const methods: LoginMethod<PrivateKey>[] = [];
    const useless: PrivateKeyError[] = [];
    const only: Buffer[] = [];
    for (const path of paths) {
      try {
        methods.push({ kind: 'key', path, key: await readKey(path) });
      } catch (error) {
        if (!(error instanceof PrivateKeyError)) throw error;
        useless.push(error);
        const blob = onlyNamedKeys && (await readPublicPart(path));
        if (blob) only.push(blob);
      }
    }
    const socket = agent === AGENT_VARIABLE ? process.env[AGENT_VARIABLE] : agent;
    if (socket && onlyNamedKeys !== true) methods.push({ kind: 'agent', socket });
    else if (socket && only.length > 0) methods.push({ kind: 'agent', socket, only });
    if (password !== undefined) methods.push({ kind: 'password', password });
    if (methods.length === 0 && useless[0] !== undefined) throw useless[0];
    const notes = [
      ...useless.map(({ message }) => message.split('\n')[0] ?? ''),
      ...(agent !== undefined && !socket ? [`${AGENT_VARIABLE} names no agent`] : []),
      ...(noPassword === undefined ? [] : [noPassword]),
    ];
    return { methods, notes };
  }

  async function readKey(path: string): Promise<PrivateKey> {
    try {
      return await keys.read(path);
    } catch (error) {
      if (error instanceof ConnectionError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new PrivateKeyError(`Cannot read the private key "${path}": ${why}`, { cause: error });
    }
  }

  async function judgeOf(role: Role, access: SshAccess): Promise<HostJudge> {
    const { hostKey: pinned, trust } = access;
    const asksFiles = role === 'bastion' || trust?.kind === 'known-hosts';
    const isRefused = role === 'bastion' ? trust?.kind !== 'pin-first' : trust?.kind === 'known-hosts';
    const knowledge: HostKnowledge = {
      pinned,
      fingerprint: trust?.kind === 'fingerprint' ? trust.fingerprint : null,
      known: asksFiles ? await readKnownHost(access) : null,
      unknown: isRefused ? 'refuse' : 'pin',
      hint: unknownHint(role, access),
    };
    return judgeHost(knowledge);
  }

  async function readKnownHost({ host, port, hostKeyAlias }: SshAccess): Promise<KnownHost> {
    const texts = await Promise.all(knownHosts.map(readHosts));
    return knownHost(texts.join('\n'), hostKeyAlias ?? host, hostKeyAlias === undefined ? port : 22);
  }

  async function readHosts(path: string): Promise<string> {
    try {
      return await hosts.read(path);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
      const why = error instanceof Error ? error.message : String(error);
      throw new ConnectionError('host-key', `Cannot read the known hosts: ${why}`, { cause: error });
    }
  }

  /** What was refused may be corrected before the next try. */
  function forget({ problem }: ConnectionError, { privateKey, moreKeys = [] }: SshAccess): void {
    if (problem === 'authentication')
      for (const path of [privateKey, ...moreKeys]) if (path !== null) keys.forget(path);
    if (problem === 'host-key') knownHosts.forEach((path) => hosts.forget(path));
  }

  return {
    async open(access, options) {
      switch (access.kind) {
        case 'ssh':
          return await openAs('machine', access, options);
        case 'docker':
          return (await import('./docker-exec.ts')).openDocker(access, options);
        case 'process':
          return (await import('./process.ts')).openProcess(access, options);
      }
    },
    refresh() {
      keys.clear();
      hosts.clear();
    },
    [Symbol.asyncDispose]: () => bastions[Symbol.asyncDispose](),
  };
}

/** Opens a single connection that shares nothing with others. */
export async function openConnection(access: Access, options: OpenOptions): Promise<Connection> {
  return await createOpener({ linger: 0 }).open(access, options);
}

/** The last host between; it is reached through those before it, and judged by itself. */
function bastionOf(access: SshAccess): SshAccess | undefined {
  const { jump = [], trust, privateKey, moreKeys, agent, onlyNamedKeys, kind } = access;
  const last = jump.at(-1);
  if (last === undefined) return undefined;
  const before = jump.slice(0, -1);
  return {
    kind,
    ...last,
    privateKey,
    ...(moreKeys && { moreKeys }),
    ...(agent !== undefined && { agent }),
    ...(onlyNamedKeys && { onlyNamedKeys }),
    hostKey: null,
    trust: { kind: trust?.kind === 'pin-first' ? 'pin-first' : 'known-hosts' },
    ...(before.length > 0 && { jump: before }),
  };
}

function byWayOf(jump: readonly JumpHost[] = []): string {
  return jump.length === 0 ? '' : ` through ${jump.map(({ host, port }) => `"${host}:${port}"`).join(', ')}`;
}

function unknownHint(role: Role, { user, host, port, hostKeyAlias, jump = [] }: SshAccess): string {
  const by = jump.map((hop) => `${hop.user}@${hop.host}:${hop.port}`).join(',');
  const alias = hostKeyAlias === undefined ? '' : ` -o HostKeyAlias=${hostKeyAlias}`;
  const command = `ssh${alias}${by === '' ? '' : ` -J ${by}`} -p ${port} ${user}@${host}`;
  const or = role === 'machine' ? 'write this fingerprint as' : 'have the plan trust it with pinFirst as';
  return `If that is its key, confirm it once with "${command}", or ${or} "hostKey".`;
}

function opensshFiles(): readonly string[] {
  return [join(homedir(), '.ssh', 'known_hosts'), '/etc/ssh/ssh_known_hosts'];
}

/** Loads something when it is first needed. */
function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => (loading ??= load());
}
