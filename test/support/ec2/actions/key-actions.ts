import { createHash, createPublicKey } from 'node:crypto';
import { ApiError } from '../api-error.ts';
import { filterBy } from '../filters.ts';
import { newId } from '../ids.ts';
import type { KeyPair } from '../realm.ts';
import { tagsIn } from '../realm.ts';
import { readTagSpecifications, tagSet } from '../tags.ts';
import type { Actions } from './action.ts';

export const keyActions: Actions = {
  ImportKeyPair(realm, params) {
    const name = params.required('KeyName');
    const key = readKey(Buffer.from(params.required('PublicKeyMaterial'), 'base64').toString().trim());
    if (realm.keyPairs.has(name)) {
      throw new ApiError('InvalidKeyPair.Duplicate', `The keypair '${name}' already exists.`);
    }
    const tags = readTagSpecifications(params, ['key-pair']).get('key-pair') ?? new Map<string, string>();
    const now = realm.clock.now();
    const pair: KeyPair = { id: newId('key'), name, ...key, createdAt: now, tags: [{ since: now, tags }] };
    realm.keyPairs.set(name, pair);
    return { keyName: name, keyFingerprint: pair.fingerprint, keyPairId: pair.id, tagSet: tagSet(tags) };
  },

  DescribeKeyPairs(realm, params) {
    const names = params.list('KeyName');
    const ids = params.list('KeyPairId');
    const pairs = [...realm.keyPairs.values()];
    for (const name of names) {
      if (!realm.keyPairs.has(name)) {
        throw new ApiError('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
      }
    }
    for (const id of ids) {
      if (!pairs.some((pair) => pair.id === id)) {
        throw new ApiError('InvalidKeyPair.NotFound', `The key pair '${id}' does not exist`);
      }
    }
    const matches = filterBy(
      params,
      {
        fingerprint: ({ fingerprint }: KeyPair) => [fingerprint],
        'key-name': ({ name }) => [name],
        'key-pair-id': ({ id }) => [id],
      },
      (pair) => tagsIn(realm, pair),
    );
    const chosen = pairs.filter(
      (pair) =>
        (names.length + ids.length === 0 || names.includes(pair.name) || ids.includes(pair.id)) &&
        matches(pair),
    );
    const withKey = params.flag('IncludePublicKey') === true;
    return {
      keySet: chosen.map((pair) => ({
        keyPairId: pair.id,
        keyName: pair.name,
        keyType: pair.type,
        keyFingerprint: pair.fingerprint,
        publicKey: withKey ? pair.publicKey : null,
        createTime: new Date(pair.createdAt).toISOString(),
        tagSet: tagSet(tagsIn(realm, pair)),
      })),
    };
  },

  /** Succeeds for what is not there. */
  DeleteKeyPair(realm, params) {
    const id = params.text('KeyPairId');
    const name = id === undefined ? params.required('KeyName') : undefined;
    const pair = [...realm.keyPairs.values()].find((one) => one.id === id || one.name === name);
    if (pair === undefined) return { return: true };
    realm.keyPairs.delete(pair.name);
    return { return: true, keyPairId: pair.id };
  },
};

const NOT_A_KEY = 'Key is not in valid OpenSSH public key format';

/** RSA keys are named by the MD5 of their DER form, Ed25519 keys by the SHA-256 of their blob. */
function readKey(line: string): Pick<KeyPair, 'type' | 'fingerprint' | 'publicKey'> {
  const [kind, text = ''] = line.split(/\s+/);
  const parts = blobParts(Buffer.from(text, 'base64'));
  const [inner, one, two] = parts;
  if (kind === undefined || inner?.toString() !== kind || one === undefined) {
    throw new ApiError('InvalidKey.Format', NOT_A_KEY);
  }
  if (kind === 'ssh-ed25519' && one.length === 32) {
    const digest = createHash('sha256').update(Buffer.from(text, 'base64')).digest('base64');
    return { type: 'ed25519', fingerprint: digest, publicKey: line };
  }
  if (kind === 'ssh-rsa' && two !== undefined) {
    const jwk = { kty: 'RSA', e: one.toString('base64url'), n: two.toString('base64url') };
    const der = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
    const digest = createHash('md5').update(der).digest('hex');
    return { type: 'rsa', fingerprint: digest.match(/../g)?.join(':') ?? '', publicKey: line };
  }
  throw new ApiError('InvalidKey.Format', NOT_A_KEY);
}

/** Strings of an SSH blob, as far as they go. */
function blobParts(blob: Buffer): readonly Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 4 <= blob.length) {
    const length = blob.readUInt32BE(at);
    if (at + 4 + length > blob.length) return parts;
    parts.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}
