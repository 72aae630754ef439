import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client } from 'ssh2';
import type { Algorithms, ClientChannel, ServerHostKeyAlgorithm } from 'ssh2';
import type { SshAccess } from '../machine.ts';
import { channelStream } from './channel-stream.ts';
import { ConnectionError } from './connection.ts';
import type { Connection, ExecOptions, ExecResult } from './connection.ts';
import { download } from './download.ts';
import { fingerprint, formatHostKey, parseHostKey, signatureAlgorithms } from './host-key.ts';
import type { OpenOptions } from './open.ts';
import { createSemaphore } from './semaphore.ts';
import { upload } from './upload.ts';

const HANDSHAKE_LIMIT = 30_000;
const KEEP_ALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 3 };

/** sshd's MaxSessions is 10. */
const SESSIONS = 8;

/** The cheapest first; every OpenSSH since 7.0 has one of each. */
const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
    'aes256-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
} as const satisfies Algorithms;
const HOST_KEYS: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** An SSH connection, authenticated by key. A host key other than the known one is refused before anything is sent. */
export async function openSsh(access: SshAccess, options: OpenOptions): Promise<Connection> {
  const { signal } = options;
  const where = `${access.host}:${access.port}`;
  const privateKey = await readPrivateKey(access.privateKey, signal);
  const client = new Client();
  const socket = connect({ host: access.host, port: access.port, noDelay: true });
  let shown: Buffer | undefined;
  let cause: unknown;

  client.on('error', (error) => {
    cause ??= error;
  });
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.once('close', () => reject(openingError(access, shown, cause)));
  });
  function cancel(): void {
    cause ??= signal.reason;
    socket.destroy();
  }
  signal.addEventListener('abort', cancel, { once: true });
  try {
    client.connect({
      ...KEEP_ALIVE,
      sock: socket,
      readyTimeout: HANDSHAKE_LIMIT,
      username: access.user,
      privateKey,
      authHandler: ['publickey'],
      algorithms: {
        ...ALGORITHMS,
        kex: [...ALGORITHMS.kex],
        cipher: [...ALGORITHMS.cipher],
        hmac: [...ALGORITHMS.hmac],
        compress: [...ALGORITHMS.compress],
        serverHostKey: [...hostKeyAlgorithms(access)] as ServerHostKeyAlgorithm[],
      },
      hostVerifier: (key: Buffer) => {
        shown = key;
        return access.hostKey === null || key.equals(parseHostKey(access.hostKey));
      },
      ...(options.log && { debug: options.log }),
    });
    await ready;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof ConnectionError) throw error;
    throw new ConnectionError(
      'authentication',
      `Cannot use the private key "${access.privateKey}": ${text(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  cause = undefined;
  if (access.hostKey === null && shown !== undefined) options.onHostKey(formatHostKey(shown));
  return connection(client, where, options, () => cause);
}

function connection(client: Client, where: string, options: OpenOptions, cause: () => unknown): Connection {
  const sessions = createSemaphore(SESSIONS);
  let state: 'open' | 'closing' | 'closed' = 'open';
  const closed = new Promise<void>((resolve) => {
    client.once('close', () => {
      const lost = state === 'open';
      state = 'closed';
      if (lost) options.onLost?.();
      resolve();
    });
  });

  function lostError(): ConnectionError {
    const why = cause();
    const detail = state === 'closing' || why === undefined ? 'it was closed' : text(why);
    return new ConnectionError('lost', `Cannot go on with "${where}": the connection is lost, ${detail}`, {
      cause: why,
    });
  }

  /** Opens a channel; one that is no longer wanted when it comes is closed. */
  async function openChannel(what: string, signal: AbortSignal, open: ChannelOpener): Promise<ClientChannel> {
    signal.throwIfAborted();
    if (state !== 'open') throw lostError();
    return await new Promise<ClientChannel>((resolve, reject) => {
      function cancel(): void {
        reject(signal.reason as Error);
      }
      signal.addEventListener('abort', cancel, { once: true });
      function opened(error: Error | undefined, channel: ClientChannel | undefined): void {
        signal.removeEventListener('abort', cancel);
        if (channel !== undefined && error === undefined) {
          if (signal.aborted) channel.close();
          resolve(channel);
        } else if (state === 'open') {
          reject(
            new ConnectionError('failed', `Cannot ${what} on "${where}": ${text(error)}`, { cause: error }),
          );
        } else reject(lostError());
      }
      try {
        open(opened);
      } catch {
        signal.removeEventListener('abort', cancel);
        reject(lostError());
      }
    });
  }

  async function exec(command: string, execOptions: ExecOptions): Promise<ExecResult> {
    const release = await sessions.acquire(execOptions.signal);
    let channel: ClientChannel;
    try {
      channel = await openChannel('run a command', execOptions.signal, (opened) =>
        client.exec(command, opened),
      );
    } catch (error) {
      release();
      throw error;
    }
    // A cancelled command keeps its place until the server confirms that its channel is closed.
    channel.once('close', release);
    return await converse(channel, execOptions, (sawExit) => {
      if (state !== 'open') return lostError();
      if (sawExit) return undefined;
      return new ConnectionError(
        'lost',
        `Cannot go on with "${where}": a command ended without an exit code`,
      );
    });
  }

  const self: Connection = {
    exec,
    upload: (files, { signal }) => upload(self, files, { signal }),
    download: (path, { signal }) => download(self, path, { signal }),
    async forward({ host, port }, { signal }): Promise<Duplex> {
      const channel = await openChannel(`reach ${host}:${port}`, signal, (opened) =>
        client.forwardOut('127.0.0.1', 0, host, port, opened),
      );
      return channelStream(channel, () => (state === 'closed' ? lostError() : undefined));
    },
    async [Symbol.asyncDispose]() {
      if (state === 'open') {
        state = 'closing';
        client.end();
        setTimeout(() => client.destroy(), 1_000).unref();
      }
      await closed;
    },
  };
  return self;
}

type ChannelOpener = (opened: (error: Error | undefined, channel: ClientChannel) => void) => void;

/** Feeds a command and collects what it prints, until its channel is closed. */
async function converse(
  channel: ClientChannel,
  { signal, stdin, onStdout, onStderr }: ExecOptions,
  problem: (sawExit: boolean) => ConnectionError | undefined,
): Promise<ExecResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const result: { exitCode: number | null; exitSignal: string | null } = { exitCode: null, exitSignal: null };
  channel.on('data', onStdout ?? ((chunk: Buffer) => stdout.push(chunk)));
  channel.stderr.on('data', onStderr ?? ((chunk: Buffer) => stderr.push(chunk)));
  channel.once('exit', (code: number | null, name?: string) => {
    result.exitCode = code;
    result.exitSignal = code === null ? (name ?? 'SIGKILL').replace(/^SIG/, '') : null;
  });
  const done = once(channel, 'close', { signal });
  if (stdin === undefined) channel.end();
  else if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) channel.end(stdin);
  else stdin.pipe(channel);
  try {
    await done;
  } catch (error) {
    channel.removeAllListeners('data').resume();
    channel.stderr.removeAllListeners('data').resume();
    channel.close();
    signal.throwIfAborted();
    throw error;
  } finally {
    if (typeof stdin === 'object' && !Buffer.isBuffer(stdin)) stdin.unpipe(channel);
  }
  const failure = problem(result.exitCode !== null || result.exitSignal !== null);
  if (failure) throw failure;
  return { ...result, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

function hostKeyAlgorithms(access: SshAccess): readonly string[] {
  return access.hostKey === null ? HOST_KEYS : signatureAlgorithms(access.hostKey);
}

async function readPrivateKey(path: string, signal: AbortSignal): Promise<Buffer> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new ConnectionError('authentication', `Cannot read the private key "${path}": ${text(error)}`, {
      cause: error,
    });
  }
}

function openingError(access: SshAccess, shown: Buffer | undefined, cause: unknown): ConnectionError {
  const where = `${access.host}:${access.port}`;
  const level = (cause as { level?: unknown } | undefined)?.level;
  if (access.hostKey !== null) {
    const known = parseHostKey(access.hostKey);
    const expected = `${fingerprint(known)} is known`;
    const other = shown && !shown.equals(known) ? `it shows the host key ${fingerprint(shown)}` : undefined;
    const none = /host key/.test(text(cause)) ? 'it no longer has a host key of the known type' : undefined;
    const why = other ?? none;
    if (why !== undefined)
      return new ConnectionError(
        'host-key',
        `Cannot trust "${where}": ${why}, ${expected}\n${HOST_KEY_HINT}`,
      );
  }
  if (level === 'client-authentication') {
    const message = `Cannot log in to "${where}" as "${access.user}": the key "${access.privateKey}" was refused`;
    return new ConnectionError('authentication', message, { cause });
  }
  const problem = level === 'handshake' ? 'failed' : 'unreachable';
  return new ConnectionError(problem, `Cannot connect to "${where}": ${text(cause)}`, { cause });
}

const HOST_KEY_HINT =
  'Somebody may be in between. If the machine was set up anew on purpose, replace it in the deployment or correct its host key.';

function text(cause: unknown): string {
  if (cause === undefined || cause === null) return 'the connection was closed';
  if (cause instanceof AggregateError && cause.errors[0] !== undefined) return text(cause.errors[0]);
  return cause instanceof Error ? cause.message : JSON.stringify(cause);
}
