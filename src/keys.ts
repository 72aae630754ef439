import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { StateError } from './errors.ts';

const KEY_TYPE = 'ssh-ed25519';
const MAGIC = Buffer.from('openssh-key-v1\0');
const BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const END = '-----END OPENSSH PRIVATE KEY-----';

/** An ed25519 key pair in its shortest form: a thousand machines get one each. */
export interface KeyPair {
  /** The private key: 32 bytes, base64. */
  readonly seed: string;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly publicKey: string;
}

const PUBLIC_PREFIX = Buffer.concat([field(Buffer.from(KEY_TYPE)), uint32(32)]);

/** A new key pair. The keys come from Node as DER, whose last 32 bytes are the raw key (RFC 8410). */
export function hostKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  return {
    seed: privateKey.subarray(-32).toString('base64'),
    publicKey: `${KEY_TYPE} ${Buffer.concat([PUBLIC_PREFIX, publicKey.subarray(-32)]).toString('base64')}`,
  };
}

/** The OpenSSH private key file of a key pair: the container of PROTOCOL.key, without a passphrase. */
export function privateKeyFile({ seed, publicKey }: KeyPair): string {
  const check = randomBytes(4);
  const publicBlob = Buffer.from(publicKey.slice(KEY_TYPE.length + 1), 'base64');
  const secret = Buffer.concat([
    check,
    check,
    publicBlob,
    field(Buffer.concat([Buffer.from(seed, 'base64'), publicBlob.subarray(-32)])),
    field(Buffer.alloc(0)),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const body = Buffer.concat([
    MAGIC,
    field(Buffer.from('none')),
    field(Buffer.from('none')),
    field(Buffer.alloc(0)),
    uint32(1),
    field(publicBlob),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  return [BEGIN, ...lines, END, ''].join('\n');
}

/**
 * The key pair of a directory, `id_ed25519` (0600): made by whoever comes first, the same for everyone after.
 * Throws `StateError` when it cannot be made or read.
 */
export function ensureKeyPair(directory: string): {
  readonly privateKeyPath: string;
  readonly publicKey: string;
} {
  const privateKeyPath = join(directory, 'id_ed25519');
  try {
    const existing = readIfThere(privateKeyPath) ?? create(directory, privateKeyPath);
    return { privateKeyPath, publicKey: publicKeyOf(existing) };
  } catch (error) {
    throw new StateError(
      `Cannot use the key "${privateKeyPath}": ${error instanceof Error ? error.message : String(error)}`,
      'Remove the file when no machine needs it any more; the next command makes a new one.',
    );
  }
}

/** Linking the complete file under its name decides a race: the loser takes the winner's. */
function create(directory: string, path: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `.id_ed25519.${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(temporary, privateKeyFile(hostKeyPair()), { mode: 0o600, flag: 'wx', flush: true });
    chmodSync(temporary, 0o600);
    linkSync(temporary, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(path, 'utf8');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function publicKeyOf(privateKey: string): string {
  const text = privateKey.replace(BEGIN, '').replace(END, '').replace(/\s/g, '');
  const body = Buffer.from(text, 'base64');
  if (!privateKey.startsWith(BEGIN) || !body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Error('it is not an OpenSSH private key');
  }
  let at = MAGIC.length;
  const next = (): Buffer => {
    const length = body.readUInt32BE(at);
    at += 4 + length;
    return body.subarray(at - length, at);
  };
  next();
  next();
  next();
  at += 4;
  const publicBlob = next();
  if (!publicBlob.subarray(4, 4 + KEY_TYPE.length).equals(Buffer.from(KEY_TYPE))) {
    throw new Error(`it is not of the type "${KEY_TYPE}"`);
  }
  return `${KEY_TYPE} ${publicBlob.toString('base64')}`;
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
