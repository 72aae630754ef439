import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Client } from 'ssh2';
import type { Algorithms, ServerHostKeyAlgorithm } from 'ssh2';
import type { SshAccess } from '../machine.ts';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { fingerprint, formatHostKey, parseHostKey, signatureAlgorithms } from './host-key.ts';
import type { OpenOptions } from './open-options.ts';
import { sshConnection } from './ssh-connection.ts';

const HANDSHAKE_LIMIT = 30_000;
const KEEP_ALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 3 };

/** The cheapest first (curve25519 takes a sixth more CPU per handshake); every OpenSSH since 7.0 has one of each. */
const ALGORITHMS = {
  kex: [
    'ecdh-sha2-nistp256',
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
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
  const stopListening = onAbort(signal, () => {
    cause ??= signal.reason;
    socket.destroy();
  });
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
      `Cannot use the private key "${access.privateKey}": ${causeText(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    stopListening();
  }
  cause = undefined;
  if (access.hostKey === null && shown !== undefined) options.onHostKey(formatHostKey(shown));
  return sshConnection(client, {
    where,
    cause: () => (cause === undefined ? 'it was closed' : causeText(cause)),
    onLost: options.onLost,
  });
}

function hostKeyAlgorithms(access: SshAccess): readonly string[] {
  return access.hostKey === null ? HOST_KEYS : signatureAlgorithms(access.hostKey);
}

async function readPrivateKey(path: string, signal: AbortSignal): Promise<Buffer> {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new ConnectionError(
      'authentication',
      `Cannot read the private key "${path}": ${causeText(error)}`,
      {
        cause: error,
      },
    );
  }
}

function openingError(access: SshAccess, shown: Buffer | undefined, cause: unknown): ConnectionError {
  const where = `${access.host}:${access.port}`;
  const level = (cause as { level?: unknown } | undefined)?.level;
  if (access.hostKey !== null) {
    const known = parseHostKey(access.hostKey);
    const expected = `${fingerprint(known)} is known`;
    const other = shown && !shown.equals(known) ? `it shows the host key ${fingerprint(shown)}` : undefined;
    const none = /host key/.test(causeText(cause))
      ? 'it no longer has a host key of the known type'
      : undefined;
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
  return new ConnectionError(problem, `Cannot connect to "${where}": ${causeText(cause)}`, { cause });
}

const HOST_KEY_HINT =
  'Somebody may be in between. If the machine was set up anew on purpose, replace it in the deployment or correct its host key.';

function causeText(cause: unknown): string {
  if (cause === undefined || cause === null) return 'the connection was closed';
  if (cause instanceof AggregateError && cause.errors[0] !== undefined) return causeText(cause.errors[0]);
  return cause instanceof Error ? cause.message : JSON.stringify(cause);
}
