import type { Clock } from '../../clock.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api, Ec2SecurityGroup } from './api.ts';
import type { Ec2Config } from './config.ts';
import { madeName } from './made-names.ts';
import { operatorAddress } from './operator-address.ts';
import { hasCode, repeatWhile } from './repeat-while.ts';
import { ec2Tags, UUID_TAG } from './tags.ts';

const SSH_PORT = 22;
/** Milliseconds within which a new group may still be missing from answers. */
const CONSISTENCY_LIMIT = 60_000;
const DUPLICATE = 'InvalidGroup.Duplicate';

type Groups = Pick<Ec2Api, 'describeSecurityGroups' | 'createSecurityGroup' | 'authorizeIngress'>;

/** The security groups of deployments that name none: one in each network they use. */
export interface MadeGroups {
  /**
   * Id of the deployment's group in a VPC; null: in a cloud without VPCs. It is made where it is missing, and admits SSH
   * from where the configuration says, else from the operator's address, and everything from the group itself; once in
   * this object's life. Rejects with `ProviderError` when a group of that name is somebody else's.
   */
  ensure(tags: Tags, vpcId: string | null, cancel: Cancel): Promise<string>;
  /** To be told before a deployment's groups are removed: what is wanted afterwards is made again. */
  forget(tags: Tags): void;
}

export interface MadeGroupsParts {
  readonly api: Groups;
  readonly config: Pick<Ec2Config, 'endpoint' | 'sshFrom'>;
  readonly clock: Clock;
  /** The operator's address block. */
  readonly operator?: (cancel: Cancel) => Promise<string>;
}

export function createMadeGroups({ api, config, clock, operator }: MadeGroupsParts): MadeGroups {
  const made = new Map<string, Promise<string>>();

  async function blocks(cancel: Cancel): Promise<readonly string[]> {
    if (config.sshFrom.length > 0) return config.sshFrom;
    return [await (operator ?? ((given) => operatorAddress(config.endpoint, given)))(cancel)];
  }

  async function make(tags: Tags, vpcId: string | null, cancel: Cancel): Promise<string> {
    const from = await blocks(cancel);
    const groupId = await repeatWhile(
      [DUPLICATE],
      CONSISTENCY_LIMIT,
      clock,
      () => findOrCreate(api, tags, vpcId, cancel),
      cancel,
    );
    const rules = [
      { kind: 'all-from-group', groupId } as const,
      ...from.map((cidr) => ({ kind: 'tcp', port: SSH_PORT, cidr }) as const),
    ];
    const authorize = (): Promise<void> => api.authorizeIngress(groupId, rules, cancel);
    await repeatWhile(['InvalidGroup.NotFound'], CONSISTENCY_LIMIT, clock, authorize, cancel);
    return groupId;
  }

  return {
    async ensure(tags, vpcId, cancel) {
      const key = `${tags.uuid} ${vpcId ?? ''}`;
      const making = made.get(key) ?? make(tags, vpcId, cancel);
      made.set(key, making);
      try {
        return await making;
      } catch (error) {
        made.delete(key);
        throw error;
      }
    },
    forget({ uuid }) {
      for (const key of [...made.keys()]) if (key.startsWith(`${uuid} `)) made.delete(key);
    },
  };
}

async function findOrCreate(api: Groups, tags: Tags, vpcId: string | null, cancel: Cancel): Promise<string> {
  const name = madeName(tags);
  const found = await find(api, name, vpcId, cancel);
  if (found !== undefined) return ownId(found, tags);
  const group = { name, description: `SSH to ${tags.deployment}`, vpcId, tags: ec2Tags(tags) };
  try {
    return await api.createSecurityGroup(group, cancel);
  } catch (error) {
    if (!hasCode(error, [DUPLICATE])) throw error;
    const duplicate = await find(api, name, vpcId, cancel);
    if (duplicate === undefined) throw error;
    return ownId(duplicate, tags);
  }
}

async function find(
  api: Groups,
  name: string,
  vpcId: string | null,
  cancel: Cancel,
): Promise<Ec2SecurityGroup | undefined> {
  const filters = { 'group-name': [name], ...(vpcId === null ? {} : { 'vpc-id': [vpcId] }) };
  const groups = await api.describeSecurityGroups(filters, cancel);
  return groups.find((group) => group.name === name && (vpcId === null || group.vpcId === vpcId));
}

function ownId({ id, name, tags }: Ec2SecurityGroup, { uuid }: Tags): string {
  if (tags[UUID_TAG] === uuid) return id;
  throw new ProviderError(
    `Cannot make security group "${name}": one of that name, "${id}", is there and does not carry the tags of this ` +
      'deployment.\nRemove it, or name groups of your own with securityGroupIds.',
  );
}
