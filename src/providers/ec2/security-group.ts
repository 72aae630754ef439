import type { Clock } from '../../clock.ts';
import type { Cancel, Tags } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api, Ec2SecurityGroup, IngressRule } from './api.ts';
import type { Ec2Config } from './config.ts';
import { CONSISTENCY_LIMIT } from './consistency-limit.ts';
import { madeName } from './made-names.ts';
import { operatorAddress } from './operator-address.ts';
import { hasCode, repeatWhile } from './repeat-while.ts';
import { ec2Tags, UUID_TAG } from './tags.ts';

const SSH_PORT = 22;
const DUPLICATE = 'InvalidGroup.Duplicate';

type Groups = Pick<Ec2Api, 'describeSecurityGroups' | 'createSecurityGroup' | 'authorizeIngress'>;

/** The security groups of deployments that name none: one in each network they use. */
export interface MadeGroups {
  /**
   * Id of the deployment's group in a VPC. It is made where it is missing, and admits SSH from where the configuration
   * says, else from the operator's address, and everything from the group itself; once in this object's life. Rejects
   * with `ProviderError` when a group of that name is somebody else's.
   */
  ensure(tags: Tags, wanted: WantedGroup, cancel: Cancel): Promise<string>;
  /** To be told before a deployment's groups are removed: what is wanted afterwards is made again. */
  forget(tags: Tags): void;
}

export interface WantedGroup {
  /** Null: in a cloud without VPCs. */
  readonly vpcId: string | null;
  /** Where sshd listens beside its usual port. */
  readonly ports: readonly number[];
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
  const admitted = new Map<string, Promise<void>>();

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
    await authorize(groupId, [{ kind: 'all-from-group', groupId }, ...sshFrom(from, SSH_PORT)], cancel);
    return groupId;
  }

  async function admit(groupId: string, port: number, cancel: Cancel): Promise<void> {
    await authorize(groupId, sshFrom(await blocks(cancel), port), cancel);
  }

  async function authorize(groupId: string, rules: readonly IngressRule[], cancel: Cancel): Promise<void> {
    const add = (): Promise<void> => api.authorizeIngress(groupId, rules, cancel);
    await repeatWhile(['InvalidGroup.NotFound'], CONSISTENCY_LIMIT, clock, add, cancel);
  }

  return {
    async ensure(tags, { vpcId, ports }, cancel) {
      const key = `${tags.uuid} ${vpcId ?? ''}`;
      const groupId = await once(made, key, () => make(tags, vpcId, cancel));
      for (const port of ports)
        if (port !== SSH_PORT) await once(admitted, `${key} ${port}`, () => admit(groupId, port, cancel));
      return groupId;
    },
    forget({ uuid }) {
      for (const known of [made, admitted])
        for (const key of [...known.keys()]) if (key.startsWith(`${uuid} `)) known.delete(key);
    },
  };
}

/** The answer to the first one who asks is everybody's, unless it is an error. */
async function once<T>(known: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const working = known.get(key) ?? work();
  known.set(key, working);
  try {
    return await working;
  } catch (error) {
    known.delete(key);
    throw error;
  }
}

function sshFrom(blocks: readonly string[], port: number): readonly IngressRule[] {
  return blocks.map((cidr) => ({ kind: 'tcp', port, cidr }));
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
