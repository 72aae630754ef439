import type { Clock } from '../../clock.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import type { Account } from './place.ts';
import { hasCode, repeatWhile, unlessGone } from './repeat-while.ts';
import { UUID_TAG, uuidFilter } from './tags.ts';

/** Milliseconds that a group may still be in use after the last machine that used it is gone. */
const GROUP_LIMIT = 5 * 60_000;
/** How clouds say that a group is still in use. */
const IN_USE = ['DependencyViolation', 'InvalidGroup.InUse'];

export const NOT_TERMINATED = ['pending', 'running', 'shutting-down', 'stopping', 'stopped'];

export interface ReleaseParts {
  readonly api: Ec2Api;
  readonly account: Account;
  readonly clock: Clock;
  readonly pollInterval: number;
}

/** Waits for the end of the deployment's machines; then removes what carries its uuid, and nothing else. */
export async function release(parts: ReleaseParts, { uuid }: Tags, cancel: Cancel): Promise<void> {
  const { api, account, clock, pollInterval } = parts;
  const filters = uuidFilter(uuid);
  await account.mustOwn(cancel);
  const machines = { ...filters, 'instance-state-name': NOT_TERMINATED };
  while ((await api.findInstances(machines, cancel)).some(carries(uuid)))
    await clock.sleep(pollInterval, cancel);
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
  const volumes = await api.describeVolumes({ ...filters, status: ['available'] }, cancel);
  for (const { id, state } of volumes.filter(carries(uuid)))
    if (state === 'available') await unlessGone(() => api.deleteVolume(id, cancel));
}

/** Rejects with EC2's answer when something still uses the group minutes after its machines ended. */
export async function removeGroup(
  { api, clock }: Pick<ReleaseParts, 'api' | 'clock'>,
  id: string,
  cancel: Cancel,
): Promise<void> {
  const remove = (): Promise<void> => unlessGone(() => api.deleteSecurityGroup(id, cancel));
  await repeatWhile(IN_USE, GROUP_LIMIT, clock, remove, cancel);
}

function stillInUse(id: string, error: unknown): unknown {
  if (!hasCode(error, IN_USE)) return error;
  return new ProviderError(
    `Cannot remove security group "${id}": it is still in use (${error.message}).\n` +
      'End what uses it, such as network interfaces or rules of other groups, and repeat the command.',
    { cause: error },
  );
}

/** Not every cloud heeds every filter, and what is removed is gone. */
function carries(uuid: string): (resource: { readonly tags: Readonly<Record<string, string>> }) => boolean {
  return ({ tags }) => tags[UUID_TAG] === uuid;
}
