import { createHash, createHmac, hkdfSync, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { UsageError } from '../errors.ts';

/** The version of what an export holds and of how it is sealed. */
export const EXPORT_FORMAT = 1;
/** Bytes of the tag that GCM adds. */
export const TAG_BYTES = 16;
export const CIPHER = 'aes-256-gcm';
/** Most bytes of a piece before it is compressed and sealed. */
export const PIECE_BYTES = 256 * 1_024;
/** Longest header that is read. */
export const HEADER_BYTES = 4_096;

const MAGIC = 'launch-plan export';
const KEY_BYTES = 32;
const SALT_BYTES = 32;
/** 128 MB and about half a second for each passphrase that somebody tries. */
const USUAL_COST = 2 ** 17;
/** What a file may ask for: at most 1 GB. */
const COSTS = { least: 2 ** 10, most: 2 ** 20 } as const;

interface Header {
  readonly format: typeof EXPORT_FORMAT;
  readonly cipher: typeof CIPHER;
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** base64 */
  readonly salt: string;
}

/** What the pieces of a file are sealed with. */
export interface SealKeys {
  readonly key: Buffer;
  /** Of the header: every piece is bound to it. */
  readonly associated: Buffer;
}

/** A header as it is written, three lines: what this is, how its key is found, and digests of that without and with the key. */
export async function newHeader(
  passphrase: string,
  cost = USUAL_COST,
): Promise<{ readonly text: string; readonly keys: SealKeys }> {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  const header: Header = { format: EXPORT_FORMAT, cipher: CIPHER, kdf: 'scrypt', N: cost, r: 8, p: 1, salt };
  const open = `${MAGIC}\n${JSON.stringify(header)}\n`;
  const { key, proof } = await keysOf(passphrase, header);
  return {
    text: `${open}${digestOf(open)} ${proofOf(open, proof)}\n`,
    keys: { key, associated: Buffer.from(digestOf(open), 'hex') },
  };
}

/**
 * Reads the header at the beginning of `bytes`, and tries the passphrase. Rejects with `UsageError` for what is no
 * export, for one of a newer plan, for one that is damaged, and for a passphrase that it was not sealed with.
 */
export async function readHeader(
  file: string,
  bytes: Buffer,
  passphrase: string,
): Promise<{ readonly length: number; readonly keys: SealKeys }> {
  const [magic, parameters, digests] = bytes.subarray(0, HEADER_BYTES).toString('latin1').split('\n', 3);
  if (magic !== MAGIC || parameters === undefined)
    throw new UsageError(`Cannot read the export "${file}": the file is not one that "plan export" wrote`);
  const header = parsed(parameters);
  const format: unknown = header?.format;
  if (typeof format === 'number' && format > EXPORT_FORMAT)
    throw new UsageError(
      `Cannot read the export "${file}": it was written by a newer plan (its format is ${format}, this plan knows ${EXPORT_FORMAT})`,
      'Update plan, or use the plan that wrote it.',
    );
  const open = `${magic}\n${parameters}\n`;
  const [, digest, proof = ''] = /^([0-9a-f]{64}) ([0-9a-f]{64})$/.exec(digests ?? '') ?? [];
  if (header === undefined || digest !== digestOf(open) || !isKnown(header)) throw damaged(file);
  const keys = await keysOf(passphrase, header);
  const wanted = Buffer.from(proofOf(open, keys.proof), 'hex');
  if (!timingSafeEqual(wanted, Buffer.from(proof, 'hex')))
    throw new UsageError(
      `Cannot read the export "${file}": the passphrase is not the one that it was made with`,
    );
  const length = Buffer.byteLength(`${open}${digests}\n`, 'latin1');
  return { length, keys: { key: keys.key, associated: Buffer.from(digest, 'hex') } };
}

/** `how` is such as `it is cut off`. */
export function damaged(file: string, how = 'it is damaged'): UsageError {
  return new UsageError(`Cannot read the export "${file}": ${how}`, 'Copy it again, or export again.');
}

/** The nonce of a piece: no two of a file are the same, and the last one is told from all others. */
export function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(number), 3);
  nonce.writeUInt8(Number(isLast), 11);
  return nonce;
}

function parsed(text: string): { readonly [Key in keyof Header]?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isKnown(header: { readonly [Key in keyof Header]?: unknown }): header is Header {
  const { format, cipher, kdf, N, r, p, salt } = header;
  const isCost =
    typeof N === 'number' &&
    Number.isInteger(N) &&
    N >= COSTS.least &&
    N <= COSTS.most &&
    (N & (N - 1)) === 0;
  const isSalt = typeof salt === 'string' && Buffer.from(salt, 'base64').length === SALT_BYTES;
  return (
    format === EXPORT_FORMAT &&
    cipher === CIPHER &&
    kdf === 'scrypt' &&
    isCost &&
    r === 8 &&
    p === 1 &&
    isSalt
  );
}

async function keysOf(
  passphrase: string,
  { N, r, p, salt }: Header,
): Promise<{ readonly key: Buffer; readonly proof: Buffer }> {
  const secret = await new Promise<Buffer>((resolve, reject) => {
    // The same letters can be typed as other code points on another keyboard.
    const text = Buffer.from(passphrase.normalize('NFC'));
    const options = { N, r, p, maxmem: 256 * N * r };
    scrypt(text, Buffer.from(salt, 'base64'), KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
  const derived = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `${MAGIC} ${purpose}`, KEY_BYTES));
  return { key: derived('pieces'), proof: derived('header') };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function proofOf(text: string, key: Buffer): string {
  return createHmac('sha256', key).update(text).digest('hex');
}
