import { generateKeyPairSync } from 'node:crypto';

const TYPE = 'ecdsa-sha2-nistp256';
const CURVE = 'nistp256';
/** An uncompressed point of the curve: 0x04, x, y. It ends the public key's DER (RFC 5480). */
const POINT_BYTES = 65;

/** The host key that all machines of a batch are given. */
export interface BatchHostKey {
  /** SEC1 PEM (`BEGIN EC PRIVATE KEY`), which every sshd reads. */
  readonly privateKey: string;
  /** `ecdsa-sha2-nistp256 AAAA…`, without a comment. */
  readonly publicKey: string;
}

/** A new key. ECDSA, because cloud-init has been taking keys of that type for longer than ed25519. */
export function batchHostKey(): BatchHostKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  const point = publicKey.subarray(-POINT_BYTES);
  const blob = Buffer.concat([field(Buffer.from(TYPE)), field(Buffer.from(CURVE)), field(point)]);
  return { privateKey, publicKey: `${TYPE} ${blob.toString('base64')}` };
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
