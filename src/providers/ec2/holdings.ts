import type { Cancel, Holding, PowerAnswer } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import { Ec2Error } from './api.ts';
import { instancesOf } from './describe.ts';
import { power } from './power.ts';
import type { ReleaseParts } from './release.ts';
import { NOT_TERMINATED, removeGroup } from './release.ts';
import { unlessGone } from './repeat-while.ts';
import { BATCH_TAG, planTags, UUID_TAG } from './tags.ts';

interface Tagged {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

const MACHINE = 'machine';
const GROUP = 'security group';
const KEY_PAIR = 'key pair';
const VOLUME = 'volume';

/** Everything in the region that carries a deployment's uuid, whichever deployment that is. */
export async function holdings(api: Ec2Api, cancel: Cancel): Promise<readonly Holding[]> {
  const tagged = { 'tag-key': [UUID_TAG] };
  const [machines, groups, pairs, volumes] = await Promise.all([
    api.findInstances({ ...tagged, 'instance-state-name': NOT_TERMINATED }, cancel),
    api.describeSecurityGroups(tagged, cancel),
    api.describeKeyPairs(tagged, cancel),
    api.describeVolumes({ ...tagged, status: ['available'] }, cancel),
  ]);
  return [
    ...machines.filter(isOurs).map((machine) => ({
      ...holding(MACHINE, machine, machine.tags['Name'], machine.launchedAt),
      token: machine.clientToken ?? machine.tags[BATCH_TAG] ?? null,
    })),
    ...groups.filter(isOurs).map((group) => holding(GROUP, group, group.name, null)),
    ...pairs.filter(isOurs).map((pair) => holding(KEY_PAIR, pair, pair.name, pair.createdAt)),
    ...volumes.filter(isOurs).map((volume) => holding(VOLUME, volume, volume.tags['Name'], volume.createdAt)),
  ];
}

function isOurs({ tags }: Tagged): boolean {
  return tags[UUID_TAG] !== undefined;
}

function holding(
  kind: string,
  { id, tags }: Tagged,
  name: string | undefined,
  since: number | null,
): Holding {
  return { kind, id, name: name ?? null, tags: planTags(tags), token: null, since };
}

/** Machines first: the others are in use until they are gone. */
export async function removeHoldings(
  parts: ReleaseParts,
  wanted: readonly Holding[],
  cancel: Cancel,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const ids = wanted.flatMap(({ kind, id }) => (kind === MACHINE ? [id] : []));
  const answers = new Map(await power(parts, 'terminate', ids, cancel));
  await untilTerminated(
    parts,
    ids.filter((id) => answers.get(id)?.kind === 'accepted'),
    cancel,
  );
  const others = wanted.filter(({ kind }) => kind !== MACHINE);
  await Promise.all(
    others.map(async (one) => {
      answers.set(one.id, await removed(() => removeOne(parts, one, cancel)));
    }),
  );
  return answers;
}

async function untilTerminated(
  { api, clock, pollInterval }: ReleaseParts,
  ids: readonly string[],
  cancel: Cancel,
): Promise<void> {
  for (let left = ids; left.length > 0;) {
    const found = await instancesOf(api, left, cancel);
    left = left.filter((id) => (found.get(id)?.state ?? 'terminated') !== 'terminated');
    if (left.length > 0) await clock.sleep(pollInterval, cancel);
  }
}

function removeOne(parts: ReleaseParts, { kind, id, name }: Holding, cancel: Cancel): Promise<void> {
  switch (kind) {
    case GROUP:
      return removeGroup(parts, id, cancel);
    case KEY_PAIR:
      return unlessGone(() => parts.api.deleteKeyPair(name ?? id, cancel));
    case VOLUME:
      return unlessGone(() => parts.api.deleteVolume(id, cancel));
    default:
      throw new ProviderError(`Cannot remove "${id}": there is no such kind of thing on EC2, "${kind}"`);
  }
}

/** What one thing cannot be removed for does not keep the others. */
async function removed(remove: () => Promise<void>): Promise<PowerAnswer> {
  try {
    await remove();
    return { kind: 'accepted' };
  } catch (error) {
    if (error instanceof Ec2Error) return { kind: 'cannot', why: error.message };
    throw error;
  }
}
