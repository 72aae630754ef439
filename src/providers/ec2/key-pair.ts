import { createHash } from 'node:crypto';

import type { Clock } from '../../clock.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { ensureStateKey } from '../state-key.ts';
import type { Ec2Api, Ec2KeyPair } from './api.ts';
import { CONSISTENCY_LIMIT } from './consistency-limit.ts';
import { madeName } from './made-names.ts';
import { hasCode, repeatWhile } from './repeat-while.ts';
import { ec2Tags, UUID_TAG } from './tags.ts';

/** Digest of the public key: tells whether it is still the state directory's. */
const KEY_TAG = 'plan:key';

type KeyPairs = Pick<Ec2Api, 'describeKeyPairs' | 'importKeyPair' | 'deleteKeyPair'>;

const DUPLICATE = 'InvalidKeyPair.Duplicate';

export interface KeyPairParts {
  readonly api: KeyPairs;
  readonly stateDirectory: string;
  readonly clock: Clock;
}

/**
 * Imports the state directory's key as the deployment's key pair, unless it is there. Rejects with `ProviderError` when
 * the name is taken by a key pair that is not this deployment's.
 */
export async function ensureMadeKeyPair(
  { api, stateDirectory, clock }: KeyPairParts,
  tags: Tags,
  cancel: Cancel,
): Promise<void> {
  const { publicKey } = ensureStateKey(stateDirectory, tags.uuid);
  const digest = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  const pair = { name: madeName(tags), publicKey, tags: { ...ec2Tags(tags), [KEY_TAG]: digest } };
  await repeatWhile(
    [DUPLICATE],
    CONSISTENCY_LIMIT,
    clock,
    () => findOrImport(api, pair, tags, cancel),
    cancel,
  );
}

/** Rejects with `DUPLICATE` while the name is taken and the pair that has it is not shown, or is on its way out. */
async function findOrImport(
  api: KeyPairs,
  pair: Parameters<KeyPairs['importKeyPair']>[0],
  tags: Tags,
  cancel: Cancel,
): Promise<void> {
  const found = await find(api, pair.name, cancel);
  if (found !== undefined) {
    refuseForeign(found, tags);
    if (isSame(found, pair)) return;
    // Made of a key that the state directory has lost since: nobody has its private half.
    await api.deleteKeyPair(pair.name, cancel);
  }
  try {
    await api.importKeyPair(pair, cancel);
  } catch (error) {
    if (!hasCode(error, [DUPLICATE])) throw error;
    // The answer to an earlier call was lost.
    const duplicate = await find(api, pair.name, cancel);
    if (duplicate !== undefined) refuseForeign(duplicate, tags);
    if (duplicate === undefined || !isSame(duplicate, pair)) throw error;
  }
}

function isSame(one: Pick<Ec2KeyPair, 'tags'>, other: Pick<Ec2KeyPair, 'tags'>): boolean {
  return one.tags[KEY_TAG] === other.tags[KEY_TAG];
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
