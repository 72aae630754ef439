import { readFile } from 'node:fs/promises';

const CONTAINER = /^-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/;
const MAGIC = Buffer.from('openssh-key-v1\0');

/**
 * The public part of a key in its wire form, without its passphrase: as the file itself has it, a file beside it that is
 * named `.pub`, or OpenSSH's container of private keys, which has it in clear. Undefined where nobody tells it.
 */
export async function readPublicPart(path: string): Promise<Buffer | undefined> {
  const own = await readText(path);
  return parsePublicKey(own) ?? parsePublicKey(await readText(`${path}.pub`)) ?? parseContainer(own);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    // It is one of several places, none of which has to be there.
    return '';
  }
}

/** `ssh-ed25519 AAAA… comment`. */
function parsePublicKey(text: string): Buffer | undefined {
  const [, type = '', key = ''] = /^\s*([a-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(text) ?? [];
  const blob = Buffer.from(key, 'base64');
  return type !== '' && fieldAt(blob, 0)?.toString() === type ? blob : undefined;
}

/** PROTOCOL.key: the magic, cipher, kdf, its options, the number of keys, the public key. */
function parseContainer(text: string): Buffer | undefined {
  const body = Buffer.from(CONTAINER.exec(text)?.[1] ?? '', 'base64');
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  let at = MAGIC.length;
  for (let i = 0; i < 3; i += 1) at += 4 + (fieldAt(body, at)?.length ?? 0);
  return fieldAt(body, at + 4);
}

function fieldAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + 4 > bytes.length) return undefined;
  const end = at + 4 + bytes.readUInt32BE(at);
  return end > bytes.length ? undefined : bytes.subarray(at + 4, end);
}
