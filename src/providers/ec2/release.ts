import type { Clock } from '../../clock.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api, Ec2Instance, Ec2Volume } from './api.ts';
import type { Account } from './place.ts';
import { hasCode, repeatWhile, unlessGone } from './repeat-while.ts';
import { UUID_TAG, uuidFilter } from './tags.ts';

/** Milliseconds within which machines that end are gone, and what they used is in use no more. */
const LIMIT = 5 * 60_000;
/** How clouds say that a group is still in use. */
const IN_USE = ['DependencyViolation', 'InvalidGroup.InUse'];

/** States of volumes that are to be available soon, or gone. */
const USED: ReadonlySet<string> = new Set(['creating', 'in-use']);

export const NOT_TERMINATED = ['pending', 'running', 'shutting-down', 'stopping', 'stopped'];

export interface ReleaseParts {
  readonly api: Ec2Api;
  readonly account: Account;
  readonly clock: Clock;
  readonly pollInterval: number;
}

/** Waits for the end of the deployment's machines; then removes what carries its uuid, and nothing else. */
export async function release(parts: ReleaseParts, { uuid }: Tags, cancel: Cancel): Promise<void> {
  const { api, account } = parts;
  const filters = uuidFilter(uuid);
  await account.mustOwn(cancel);
  const machines = { ...filters, 'instance-state-name': NOT_TERMINATED };
  const living = async (): Promise<readonly Ec2Instance[]> =>
    (await api.findInstances(machines, cancel)).filter(carries(uuid));
  const strays = await untilNone(living, parts, cancel);
  if (strays.length > 0) throw notAccountedFor(strays);
  const groups = await api.describeSecurityGroups(filters, cancel);
  await Promise.all(
    groups.filter(carries(uuid)).map(async ({ id }) => {
      try {
        await removeGroup(parts, id, cancel);
      } catch (error) {
        throw stillInUse(id, error);
      }
    }),
  );
  for (const { name } of (await api.describeKeyPairs(filters, cancel)).filter(carries(uuid)))
    await unlessGone(() => api.deleteKeyPair(name, cancel));
  const volumes = { ...filters, status: ['creating', 'in-use', 'available'] };
  const inUse = async (): Promise<readonly Ec2Volume[]> => {
    const found = (await api.describeVolumes(volumes, cancel)).filter(carries(uuid));
    for (const { id, state } of found)
      if (state === 'available') await unlessGone(() => api.deleteVolume(id, cancel));
    return found.filter(({ state }) => USED.has(state));
  };
  const [used] = await untilNone(inUse, parts, cancel);
  if (used !== undefined) throw stillUsed(used.id);
}

/** What is still found when the time is over. */
async function untilNone<T>(
  find: () => Promise<readonly T[]>,
  { clock, pollInterval }: Pick<ReleaseParts, 'clock' | 'pollInterval'>,
  cancel: Cancel,
): Promise<readonly T[]> {
  const deadline = clock.now() + LIMIT;
  for (;;) {
    const found = await find();
    if (found.length === 0 || clock.now() >= deadline) return found;
    await clock.sleep(pollInterval, cancel);
  }
}

/** Rejects with EC2's answer when something still uses the group minutes after its machines ended. */
export async function removeGroup(
  { api, clock }: Pick<ReleaseParts, 'api' | 'clock'>,
  id: string,
  cancel: Cancel,
): Promise<void> {
  const remove = (): Promise<void> => unlessGone(() => api.deleteSecurityGroup(id, cancel));
  await repeatWhile(IN_USE, LIMIT, clock, remove, cancel);
}

function stillInUse(id: string, error: unknown): unknown {
  if (!hasCode(error, IN_USE)) return error;
  return new ProviderError(
    `Cannot remove security group "${id}": it is still in use (${error.message}).\n` +
      'End what uses it, such as network interfaces or rules of other groups, and repeat the command.',
    { cause: error },
  );
}

function notAccountedFor(strays: readonly Ec2Instance[]): ProviderError {
  const shown = strays.slice(0, 10).map(({ id, state }) => `"${id}" (${state})`);
  const more = strays.length - shown.length;
  return new ProviderError(
    `Cannot remove what was made for machines: some are still there, ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.\n` +
      'End those that nobody needs, e.g. with plan gc --delete, and repeat the command.',
  );
}

function stillUsed(volume: string): ProviderError {
  return new ProviderError(
    `Cannot remove volume "${volume}": it is still in use.\nDetach it from what uses it, and repeat the command.`,
  );
}

/** Not every cloud heeds every filter, and what is removed is gone. */
function carries(uuid: string): (resource: { readonly tags: Readonly<Record<string, string>> }) => boolean {
  return ({ tags }) => tags[UUID_TAG] === uuid;
}
