import { createHash } from 'node:crypto';

/** A public key as OpenSSH writes it in known_hosts: `ssh-ed25519 AAAA…`. `blob` is its wire form. */
export function formatHostKey(blob: Buffer): string {
  return `${keyType(blob)} ${blob.toString('base64')}`;
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** True when a key has a fingerprint, `SHA256:…` or `MD5:aa:bb:…`. */
export function hasFingerprint(blob: Buffer, text: string): boolean {
  return text === (text.startsWith('MD5:') ? md5Fingerprint(blob) : fingerprint(blob));
}

/** `MD5:aa:bb:…`, as `ssh-keygen -l -E md5` prints it. */
export function md5Fingerprint(blob: Buffer): string {
  const pairs = createHash('md5').update(blob).digest('hex').match(/../g);
  return `MD5:${(pairs ?? []).join(':')}`;
}

/** The wire form of a key of known_hosts; a comment behind it is ignored. */
export function parseHostKey(text: string): Buffer {
  return Buffer.from(text.trim().split(/\s+/)[1] ?? '', 'base64');
}

/** Signature algorithms by which a server proves that it holds a key of this type. */
export function signatureAlgorithms(hostKey: string): readonly string[] {
  return algorithmsOf(hostKey.trim().split(/\s+/)[0] ?? '');
}

/** The same for a key in its wire form. */
export function signatureAlgorithmsOf(blob: Buffer): readonly string[] {
  return algorithmsOf(keyType(blob));
}

function algorithmsOf(type: string): readonly string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type];
}

function keyType(blob: Buffer): string {
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
}
