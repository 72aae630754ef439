import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { StateError } from '../errors.ts';
import { stateError } from './state-error.ts';

/** Writes data as JSON text in which every `Sensitive` is encrypted, and reads it again. */
export interface Cipher {
  seal(data: unknown): string;
  /** Throws `StateError` when the key is not the one that the text was written with. */
  unseal(text: string): unknown;
  /** 96 bits of HMAC-SHA-256, as 16 characters; under another key where one is given. */
  fingerprint(text: string, printKey?: Buffer): string;
  sealBytes(bytes: Buffer): Buffer;
  /** Throws `StateError` as `unseal` does. */
  unsealBytes(sealed: Buffer): Buffer;
}

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Uses the key of the state directory, which is read when it is first needed. */
export function createCipher(directory: string): Cipher {
  let key: Buffer | undefined;
  // Sensitive values stay the same objects from fact to fact, so each is encrypted once.
  const known = new WeakMap<object, string>();

  function encrypt(value: object): string {
    const before = known.get(value);
    if (before !== undefined) return before;
    const text = sealBytes(Buffer.from(JSON.stringify(value))).toString('base64');
    known.set(value, text);
    return text;
  }

  function decrypt(text: string): unknown {
    return JSON.parse(unsealBytes(Buffer.from(text, 'base64')).toString('utf8'));
  }

  /** IV, tag and the encrypted bytes. */
  function sealBytes(bytes: Buffer): Buffer {
    key ??= readKey(directory);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, iv);
    const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), body]);
  }

  function unsealBytes(sealed: Buffer): Buffer {
    key ??= readKey(directory);
    try {
      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES));
      decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    } catch {
      throw new StateError(
        `Cannot read a sensitive value: "${keyPath(directory)}" is not the key that it was encrypted with`,
        'Restore the key file from a backup.',
      );
    }
  }

  return {
    fingerprint(text, printKey = (key ??= readKey(directory))) {
      return createHmac('sha256', printKey).update(text).digest('base64url').slice(0, 16);
    },
    sealBytes,
    unsealBytes,
    seal(data) {
      const text = JSON.stringify(data);
      if (!text.includes('"sensitive":') && !text.includes('"encrypted":')) return text;
      return JSON.stringify(data, (_, value: unknown) =>
        isSecret(value) ? { encrypted: encrypt(value) } : value,
      );
    },
    unseal(text) {
      if (!text.includes('"encrypted":')) return JSON.parse(text) as unknown;
      return JSON.parse(text, (_, value: unknown) =>
        isEncrypted(value) ? decrypt(value.encrypted) : value,
      ) as unknown;
    },
  };
}

/** Makes the key of a state directory unless there is one; safe to run in several processes at once. */
export function ensureKey(directory: string): void {
  const path = keyPath(directory);
  mkdirSync(join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    fsyncSync(file);
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(file);
    rmSync(draft, { force: true });
  }
}

function keyPath(directory: string): string {
  return join(directory, 'keys', 'state.key');
}

/** Throws `StateError` when it is missing or damaged. */
export function readKey(directory: string): Buffer {
  const path = keyPath(directory);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw stateError(`read the key in "${path}"`, error);
    throw new StateError(
      `Cannot read sensitive values: the key file "${path}" is missing`,
      'Restore it from a backup.',
    );
  }
  const key = Buffer.from(text, 'base64');
  if (key.length === KEY_BYTES) return key;
  throw new StateError(`Cannot read the key in "${path}": the file is damaged`, 'Restore it from a backup.');
}

/**
 * An object whose only key is `sensitive`; or `encrypted`, which has to be encrypted too so that outputs with that
 * name are told from what this module writes.
 */
function isSecret(value: unknown): value is object {
  return hasOnly(value, 'sensitive') || isEncrypted(value);
}

function isEncrypted(value: unknown): value is { readonly encrypted: string } {
  return hasOnly(value, 'encrypted');
}

function hasOnly(value: unknown, key: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Record<string, unknown>)[key] === 'string' && Object.keys(value).length === 1;
}
