import { createHash } from 'node:crypto';

import { StateError } from '../../errors.ts';
import { ensureKeyPair } from '../../keys.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api, Ec2KeyPair } from './api.ts';
import { madeKeyDirectory, madeName } from './made-names.ts';
import { hasCode } from './repeat-while.ts';
import { ec2Tags, UUID_TAG } from './tags.ts';

/** Digest of the public key: tells whether it is still the state directory's. */
const KEY_TAG = 'plan:key';

type KeyPairs = Pick<Ec2Api, 'describeKeyPairs' | 'importKeyPair' | 'deleteKeyPair'>;

/**
 * Imports the state directory's key as the deployment's key pair, unless it is there. Rejects with `ProviderError` when
 * the name is taken by a key pair that is not this deployment's.
 */
export async function ensureMadeKeyPair(
  api: KeyPairs,
  stateDirectory: string,
  tags: Tags,
  cancel: Cancel,
): Promise<void> {
  const publicKey = publicKeyOf(stateDirectory);
  const digest = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  const name = madeName(tags);
  const found = await find(api, name, cancel);
  if (found !== undefined) {
    refuseForeign(found, tags);
    if (found.tags[KEY_TAG] === digest) return;
    // Made of a key that the state directory has lost since: nobody has its private half.
    await api.deleteKeyPair(name, cancel);
  }
  try {
    await api.importKeyPair({ name, publicKey, tags: { ...ec2Tags(tags), [KEY_TAG]: digest } }, cancel);
  } catch (error) {
    // The answer to an earlier call was lost, or the pair is too new to be shown.
    if (!hasCode(error, ['InvalidKeyPair.Duplicate'])) throw error;
    const duplicate = await find(api, name, cancel);
    if (duplicate !== undefined) refuseForeign(duplicate, tags);
  }
}

async function find(api: KeyPairs, name: string, cancel: Cancel): Promise<Ec2KeyPair | undefined> {
  const pairs = await api.describeKeyPairs({ 'key-name': [name] }, cancel);
  return pairs.find((pair) => pair.name === name);
}

function refuseForeign({ name, tags }: Ec2KeyPair, { uuid }: Tags): void {
  if (tags[UUID_TAG] === uuid) return;
  throw new ProviderError(
    `Cannot make key pair "${name}": one of that name is there and does not carry the tags of this deployment.\n` +
      'Remove it, or name a key pair of your own with keyName.',
  );
}

function publicKeyOf(stateDirectory: string): string {
  try {
    return ensureKeyPair(madeKeyDirectory(stateDirectory)).publicKey;
  } catch (error) {
    throw error instanceof StateError ? new ProviderError(error.message, { cause: error }) : error;
  }
}
