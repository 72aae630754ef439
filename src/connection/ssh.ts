import { createPrivateKey, sign } from 'node:crypto';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { Algorithms, ParsedKey, PublicKeyAuthMethod, ServerHostKeyAlgorithm } from 'ssh2';
import type { SshAccess } from '../machine.ts';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { HostJudge } from './host-judge.ts';
import { formatHostKey, signatureAlgorithmsOf } from './host-key.ts';
import type { OpenOptions } from './open-options.ts';
import { PrivateKeyError } from './private-key-error.ts';
import { sshConnection } from './ssh-connection.ts';

const HANDSHAKE_LIMIT = 30_000;
const KEEP_ALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 3 };

/** The cheapest first (curve25519 takes a sixth more CPU per handshake); every OpenSSH since 7.0 has one of each. */
const ALGORITHMS: Algorithms = {
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
};

/** A private key that is ready to sign. */
export type PrivateKey = ParsedKey;

export interface SshLogin {
  readonly privateKey: PrivateKey | null;
  readonly judge: HostJudge;
  /** A fresh stream to the machine's SSH server, which may still be connecting. */
  dial(): Duplex | Promise<Duplex>;
  /** How it leads there, for messages: ` through "bastion:22"`, or nothing. */
  readonly by: string;
}

/** Reads the text of a private key. Throws `PrivateKeyError`. */
export function parsePrivateKey(bytes: Buffer, path: string): PrivateKey {
  const parsed: ParsedKey | readonly ParsedKey[] | Error = ssh2.utils.parseKey(bytes);
  if (parsed instanceof Error) {
    const isEncrypted = parsed.message.includes('no passphrase');
    const why = isEncrypted ? `it is encrypted\n${ENCRYPTED_HINT}` : parsed.message;
    throw new PrivateKeyError(`Cannot use the private key "${path}": ${why}`, { cause: parsed });
  }
  const key = Array.isArray(parsed) ? (parsed as readonly ParsedKey[])[0] : parsed;
  if (key?.isPrivateKey() !== true)
    throw new PrivateKeyError(`Cannot use the private key "${path}": it is a public key`);
  return withSigner(key);
}

/** The library reads its own text of the key again for each signature, which takes ten times as long as signing. */
function withSigner(key: PrivateKey): PrivateKey {
  const signer = createPrivateKey(key.getPrivatePEM());
  const signSlowly = key.sign.bind(key);
  key.sign = (data, algorithm) => {
    const hash = key.type === 'ssh-ed25519' ? null : algorithm;
    return hash === undefined ? signSlowly(data, algorithm) : sign(hash, Buffer.from(data), signer);
  };
  return key;
}

const ENCRYPTED_HINT = 'Name a key that has no passphrase: nobody is there to type it.';

/** What a host showed of itself in one try. */
interface Seen {
  key?: Buffer;
}

/** An SSH connection, authenticated by key. A host that the judge refuses is sent nothing. */
export async function openSsh(access: SshAccess, login: SshLogin, options: OpenOptions): Promise<Connection> {
  const { judge } = login;
  let { algorithms } = judge;
  let first: unknown;
  while (algorithms.length > 0) {
    const seen: Seen = {};
    try {
      return await tryToOpen(access, login, options, algorithms, seen);
    } catch (error) {
      options.signal.throwIfAborted();
      if (seen.key !== undefined && judge.refuse(seen.key) === null) throw error;
      first ??= error;
      if (!judge.tellsNoType || seen.key === undefined) throw first;
      const useless = signatureAlgorithmsOf(seen.key);
      algorithms = algorithms.filter((algorithm) => !useless.includes(algorithm));
    }
  }
  throw first;
}

async function tryToOpen(
  access: SshAccess,
  { privateKey, judge, dial, by }: SshLogin,
  options: OpenOptions,
  algorithms: readonly string[],
  seen: Seen,
): Promise<Connection> {
  const { signal } = options;
  const where = `${access.host}:${access.port}`;
  const client = new ssh2.Client();
  const socket = await dial();
  const auths: readonly PublicKeyAuthMethod[] =
    privateKey === null ? [] : [{ type: 'publickey', username: access.user, key: privateKey }];
  let cause: unknown;

  client.on('error', (error) => {
    cause ??= error;
  });
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.once('close', () => reject(openingError(access, judge, by, seen, cause)));
  });
  const stopListening = onAbort(signal, () => {
    cause ??= signal.reason;
    socket.destroy();
  });
  try {
    signal.throwIfAborted();
    client.connect({
      ...KEEP_ALIVE,
      sock: socket,
      readyTimeout: HANDSHAKE_LIMIT,
      username: access.user,
      authHandler: [...auths],
      algorithms: { ...ALGORITHMS, serverHostKey: algorithms as ServerHostKeyAlgorithm[] },
      hostVerifier: (key: Buffer) => {
        seen.key = key;
        return judge.refuse(key) === null;
      },
      ...(options.log && { debug: options.log }),
    });
    await ready;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (error instanceof ConnectionError) throw error;
    throw new ConnectionError('failed', `Cannot connect to "${where}"${by}: ${causeText(error)}`, {
      cause: error,
    });
  } finally {
    stopListening();
  }
  cause = undefined;
  if (access.hostKey === null && seen.key !== undefined) options.onHostKey(formatHostKey(seen.key));
  return sshConnection(client, {
    where,
    cause: () => (cause === undefined ? 'it was closed' : causeText(cause)),
    onLost: options.onLost,
  });
}

function openingError(
  access: SshAccess,
  judge: HostJudge,
  by: string,
  seen: Seen,
  cause: unknown,
): ConnectionError {
  const where = `${access.host}:${access.port}`;
  const level = (cause as { level?: unknown } | undefined)?.level;
  const none = /host key/.test(causeText(cause)) ? judge.noneOfThem : null;
  const why = seen.key === undefined ? none : judge.refuse(seen.key);
  if (why !== null) return new ConnectionError('host-key', `Cannot trust "${where}"${by}: ${why}`);
  if (level === 'client-authentication') {
    const message = `Cannot log in to "${where}"${by} as "${access.user}": the key "${access.privateKey ?? ''}" was refused`;
    return new ConnectionError('authentication', message, { cause });
  }
  const problem = level === 'handshake' ? 'failed' : 'unreachable';
  return new ConnectionError(problem, `Cannot connect to "${where}"${by}: ${causeText(cause)}`, { cause });
}

function causeText(cause: unknown): string {
  if (cause === undefined || cause === null) return 'the connection was closed';
  if (cause instanceof AggregateError && cause.errors[0] !== undefined) return causeText(cause.errors[0]);
  return cause instanceof Error ? cause.message : JSON.stringify(cause);
}
