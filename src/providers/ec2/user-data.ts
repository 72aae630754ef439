import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { expiryProgram } from '../../expiry-program.ts';
import type { BatchHostKey } from './batch-host-key.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';
import { setsHostKeys, userDataType } from './user-data-kind.ts';

/** EC2's limit, before base64. */
const MAX_BYTES = 16_384;
/** The byte of a gzip header that names the operating system: unknown, so that all of them say the same. */
const GZIP_SYSTEM = 9;

export type CombinedUserData =
  /** `data`: null: none. */
  { readonly kind: 'data'; readonly data: Buffer | null } | OptionProblem;

/** A plan's own user data, with a host key for cloud-init beside it where there is one; else as it is. */
export function combineUserData({
  own,
  hostKey,
  expiresAt = null,
}: {
  readonly own: string | null;
  readonly hostKey: BatchHostKey | null;
  /** Epoch milliseconds at which the machine shuts itself down, should nobody ever reach it; null: never. */
  readonly expiresAt?: number | null;
}): CombinedUserData {
  const expiry = expiresAt === null ? null : expiryProgram({ end: expiresAt, isFirst: true });
  if (hostKey === null) {
    if (own === null) return { kind: 'data', data: expiry === null ? null : Buffer.from(expiry) };
    // Not compressed: who wants no host key from cloud-init may have an image without it, which could not read it.
    return fitting(Buffer.from(own), Buffer.from(own));
  }
  const isOwn = own !== null && own.trim() !== '';
  const text =
    isOwn || expiry !== null ? message(isOwn ? own : null, hostKey, expiry) : hostKeyConfig(hostKey);
  if (typeof text !== 'string') return text;
  const plain = Buffer.from(text);
  return fitting(plain, plain.length > MAX_BYTES ? compressed(plain) : plain);
}

function fitting(plain: Buffer, data: Buffer): CombinedUserData {
  if (data.length <= MAX_BYTES) return { kind: 'data', data };
  const smaller = data.length < plain.length ? ` (${data.length} compressed)` : '';
  return problem(
    `Cannot use ec2.userData: it has ${plain.length} bytes${smaller}, and EC2 takes ${MAX_BYTES}`,
    'Keep what is large elsewhere: in files, in bootstrap, or behind an address that #include names.',
  );
}

function compressed(plain: Buffer): Buffer {
  const data = gzipSync(plain, { level: 9 });
  data[GZIP_SYSTEM] = 255;
  return data;
}

function hostKeyConfig({ privateKey, publicKey }: BatchHostKey): string {
  const lines = privateKey.trimEnd().split('\n');
  return [
    '#cloud-config',
    'ssh_deletekeys: true',
    'ssh_keys:',
    '  ecdsa_private: |',
    ...lines.map((line) => `    ${line}`),
    `  ecdsa_public: ${publicKey}`,
    '',
  ].join('\n');
}

/**
 * A MIME message of the own user data and the host key. cloud-init merges cloud-configs in their order, each by the
 * `merge_how` that it brings along or by its `Merge-Type` header: the host key comes last and replaces, so that nothing
 * that comes before can drop it or add to it. Keys that it does not name stay as the own user data has them.
 */
function message(own: string | null, hostKey: BatchHostKey, expiry: string | null): string | OptionProblem {
  const type = own === null ? null : userDataType(own);
  if (type === undefined) {
    return problem(
      'Cannot use ec2.userData beside a host key: it is nothing that cloud-init knows by its first line',
      'Begin it with "#cloud-config" or "#!", or write ssh.hostKey: pinFirst, with which it is handed over as it is.',
    );
  }
  if (own !== null && type !== null && setsHostKeys(own, type)) {
    return problem(
      'Cannot use ec2.userData beside a host key: it sets host keys itself (ssh_keys, ssh_deletekeys)',
      'Write the fingerprint of its key as ssh.hostKey, or pinFirst, and it is handed over as it is.',
    );
  }
  const parts = [
    // First, for those of its kind run in their order, and the own one may take its time.
    ...(expiry === null ? [] : [part('text/x-shellscript', expiry)]),
    ...(own === null || type === null ? [] : [type === 'message' ? own : part(type, own)]),
    part('text/cloud-config', hostKeyConfig(hostKey), 'Merge-Type: dict(replace)+list()+str()'),
  ];
  const boundary = boundaryOf(parts);
  return [
    'MIME-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    '',
    ...parts.flatMap((one) => [`--${boundary}`, one]),
    `--${boundary}--`,
    '',
  ].join('\n');
}

function part(type: string, content: string, ...headers: readonly string[]): string {
  // Python's mail parser, which cloud-init uses, keeps such text as it is; what else there may be is better encoded.
  const isPlain = /^[\t\n\x20-\x7e]*$/.test(content);
  const encoding = isPlain ? '7bit' : 'base64';
  const body = isPlain ? content : Buffer.from(content).toString('base64').replaceAll(/.{76}/g, '$&\n');
  return [
    `Content-Type: ${type}; charset="utf-8"`,
    `Content-Transfer-Encoding: ${encoding}`,
    ...headers,
    '',
    body,
  ].join('\n');
}

/** The same for the same parts, and found in none of them. */
function boundaryOf(parts: readonly string[]): string {
  let boundary = '';
  do {
    boundary = `plan-${createHash('sha256').update(boundary).update(parts.join('\n')).digest('hex').slice(0, 32)}`;
  } while (parts.some((one) => one.includes(boundary)));
  return boundary;
}
