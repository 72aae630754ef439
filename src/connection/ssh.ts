import { createPrivateKey, sign } from 'node:crypto';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { Algorithms, AnyAuthMethod, BaseAgent, ParsedKey, ServerHostKeyAlgorithm } from 'ssh2';
import type { SshAccess } from '../machine.ts';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { HostJudge } from './host-judge.ts';
import { formatHostKey, signatureAlgorithmsOf } from './host-key.ts';
import type { OpenOptions } from './open-options.ts';
import { PrivateKeyError } from './private-key-error.ts';
import { sshConnection } from './ssh-connection.ts';
import { causeText, openingError } from './ssh-error.ts';
import { createOffers } from './ssh-login.ts';
import type { Offer, SshLogin } from './ssh-login.ts';

/** Milliseconds, from the connection to the login. */
const HANDSHAKE_LIMIT = 30_000;

/** The one that goes unanswered after three others ends the connection: after 40 s of silence. */
const KEEP_ALIVE = { keepaliveInterval: 10_000, keepaliveCountMax: 3 };

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

/** What opening a connection needs beside the address. */
export interface SshParts {
  readonly login: SshLogin<PrivateKey>;
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

const ENCRYPTED_HINT =
  'Add it to an SSH agent and say "agent: true" under "ssh", or name a key that has no passphrase: nobody is there to type it.';

/** What a host showed of itself in one try. */
interface Seen {
  key?: Buffer;
}

/** An SSH connection, logged in. A host that the judge refuses is sent nothing. */
export async function openSsh(access: SshAccess, parts: SshParts, options: OpenOptions): Promise<Connection> {
  const { judge } = parts;
  let { algorithms } = judge;
  let first: unknown;
  while (algorithms.length > 0) {
    const seen: Seen = {};
    try {
      return await tryToOpen(access, parts, options, algorithms, seen);
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
  { login, judge, dial, by }: SshParts,
  options: OpenOptions,
  algorithms: readonly string[],
  seen: Seen,
): Promise<Connection> {
  const { signal } = options;
  const where = `${access.host}:${access.port}`;
  const client = new ssh2.Client();
  const socket = await dial();
  const offers = createOffers(login);
  let cause: unknown;

  client.on('error', (error) => {
    if (error.level === 'agent') offers.unasked(error.message);
    else cause ??= error;
  });
  const failed = (): ConnectionError =>
    openingError({
      access,
      by,
      judge,
      shown: seen.key,
      refused: () => offers.refused(),
      hadNothing: () => offers.hadNothing(),
      cause,
    });
  const ready = new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.once('close', () => reject(failed()));
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
      authHandler: (left: string[] | null, partly, next) => {
        if (partly) offers.accepted(left ?? []);
        const offer = offers.next(left);
        next(offer === undefined ? NOTHING : methodOf(offer, access.user));
      },
      algorithms: { ...ALGORITHMS, serverHostKey: algorithms as ServerHostKeyAlgorithm[] },
      hostVerifier: (key: Buffer) => {
        seen.key = key;
        return judge.refuse(key) === null;
      },
      ...(options.log && { debug: options.log }),
    });
    leaveHostKeys(client);
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

type GlobalRequest = (protocol: unknown, name: string, wantsReply: boolean, data: unknown) => void;

/**
 * OpenSSH's servers tell of all their host keys after a login, and the library has each proven at once, on every
 * connection and with no option against it. Nobody here asks for them, and one RSA signature takes a server longer than
 * the rest of the login.
 */
function leaveHostKeys(client: ssh2.Client): void {
  // Its types lack what is inside of it; without it, all is as the library does it.
  const inner = client as unknown as {
    readonly _protocol?: { readonly _handlers?: { GLOBAL_REQUEST?: GlobalRequest } };
  };
  const handlers = inner._protocol?._handlers;
  const answer = handlers?.GLOBAL_REQUEST;
  if (handlers === undefined || answer === undefined) return;
  handlers.GLOBAL_REQUEST = (protocol, name, wantsReply, data) => {
    if (wantsReply || name !== 'hostkeys-00@openssh.com') answer(protocol, name, wantsReply, data);
  };
}

/** An agent that tells of no other keys than these; one that has none of them fails. */
function agentAt(socket: string, only: readonly Buffer[]): BaseAgent {
  const agent = new ssh2.OpenSSHAgent(socket);
  const ask = agent.getIdentities.bind(agent);
  agent.getIdentities = (tell) =>
    ask((error, all = []) => {
      const keys = all.filter(
        (key) => 'getPublicSSH' in key && only.some((blob) => blob.equals(key.getPublicSSH())),
      );
      tell(error ?? (keys.length === 0 ? new Error('it has none of the keys to log in with') : null), keys);
    });
  return agent;
}

/** The library takes `false` for "there is no more to try"; its types, from which the cast is, lack that. */
const NOTHING = false as unknown as AnyAuthMethod;

function methodOf(offer: Offer<PrivateKey>, username: string): AnyAuthMethod {
  switch (offer.kind) {
    case 'key':
      return { type: 'publickey', username, key: offer.key };
    case 'agent':
      return {
        type: 'agent',
        username,
        agent: offer.only ? agentAt(offer.socket, offer.only) : offer.socket,
      };
    case 'password':
      return { type: 'password', username, password: offer.password };
    case 'answer': {
      const answers = [offer.password];
      return {
        type: 'keyboard-interactive',
        username,
        prompt: (_name, _instructions, _language, prompts, finish) =>
          finish(prompts.map(() => (prompts.length === 1 ? (answers.shift() ?? '') : ''))),
      };
    }
    case 'none':
      return { type: 'none', username };
  }
}
