import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Wanted } from './wanted.ts';
import type { Ec2Api, Ec2SecurityGroup, Ec2Subnet } from './api.ts';

import { ifTold } from './if-told.ts';

type Networks = Pick<Ec2Api, 'describeSubnets' | 'describeSecurityGroups' | 'describeVpcs' | 'region'>;

/** Subnets and groups of the services; `subnets`: by id, null where the cloud does not tell. */
export async function checkNetworks(
  api: Networks,
  wanted: readonly Wanted[],
  cancel: Cancel,
): Promise<{
  readonly problems: readonly ProviderProblem[];
  readonly subnets: ReadonlyMap<string, Ec2Subnet> | null;
}> {
  const subnetIds = [...new Set(wanted.flatMap(({ options }) => options.subnetIds))];
  const groupIds = [...new Set(wanted.flatMap(({ options }) => options.securityGroupIds ?? []))];
  const subnets = await byId(subnetIds, (ids) => api.describeSubnets({ 'subnet-id': ids }, cancel));
  const groups = await byId(groupIds, (ids) => api.describeSecurityGroups({ 'group-id': ids }, cancel));
  const needsDefault = wanted.some(({ options }) => options.subnetIds.length === 0);
  const vpcs = needsDefault ? await ifTold(() => api.describeVpcs({}, cancel)) : null;
  const defaultVpc = vpcs?.find(({ isDefault }) => isDefault)?.id ?? null;
  // A cloud without VPCs has no default one either, and needs none.
  const lacksDefault = vpcs !== null && vpcs.length > 0 && defaultVpc === null;
  const problems = wanted.flatMap((one) => [
    ...(subnets === null ? [] : missingSubnets(one, subnets, api.region)),
    ...(lacksDefault && one.options.subnetIds.length === 0 ? [noDefault(one, api.region)] : []),
    ...(groups === null ? [] : ofGroups(one, groups, vpcsOf(one, subnets, defaultVpc), api.region)),
  ]);
  return { problems: [...problems, ...(subnets === null ? [] : crowded(wanted, subnets))], subnets };
}

/** Nothing is asked where there are no ids: a filter without values is none. */
export async function byId<T extends { readonly id: string }>(
  ids: readonly string[],
  ask: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<ReadonlyMap<string, T> | null> {
  if (ids.length === 0) return new Map();
  const found = await ifTold(() => ask(ids));
  return found && new Map(found.map((one) => [one.id, one]));
}

function missingSubnets(
  { service, options }: Wanted,
  subnets: ReadonlyMap<string, Ec2Subnet>,
  region: string,
): readonly ProviderProblem[] {
  const missing = options.subnetIds.filter((id) => !subnets.has(id));
  return missing.map((id) => ({
    service,
    message: `Cannot launch in subnet "${id}": there is no such subnet in ${region}`,
    hint: 'List them with: aws ec2 describe-subnets',
  }));
}

/**
 * Subnets that have fewer free addresses than the services need that can be nowhere else, told of the last of these.
 * Each list of subnets that a service names is looked at: what passes may still not fit, what does not never does.
 */
function crowded(
  wanted: readonly Wanted[],
  subnets: ReadonlyMap<string, Ec2Subnet>,
): readonly ProviderProblem[] {
  const placed = wanted.filter(
    ({ options: { subnetIds }, preview: { min } }) =>
      min > 0 && subnetIds.length > 0 && subnetIds.every((id) => subnets.has(id)),
  );
  const lists = new Map(placed.map(({ options: { subnetIds } }) => [subnetIds.toSorted().join(), subnetIds]));
  return [...lists.values()].flatMap((list) => {
    const there = new Set(list);
    const inside = placed.filter(({ options }) => options.subnetIds.every((id) => there.has(id)));
    const needed = inside.reduce((sum, { preview }) => sum + preview.min, 0);
    const free = [...there].reduce((sum, id) => sum + (subnets.get(id)?.freeAddresses ?? 0), 0);
    const last = inside.at(-1);
    if (last === undefined || free >= needed) return [];
    const services = inside.map(({ service }) => `"${service}"`).join(', ');
    return {
      service: last.service,
      message: `Cannot launch ${needed} machines${inside.length > 1 ? ` (${services})` : ''} in ${[...there].map((id) => `"${id}"`).join(', ')}: ${free} addresses are free`,
      hint: 'Name more subnets as a list, or ask for fewer machines.',
    };
  });
}

function noDefault({ service }: Wanted, region: string): ProviderProblem {
  return {
    service,
    message: `Cannot launch without a subnet: the account has no default VPC in ${region}`,
    hint: 'Name a subnet with subnetId, or make a default VPC with: aws ec2 create-default-vpc',
  };
}

function ofGroups(
  { service, options }: Wanted,
  groups: ReadonlyMap<string, Ec2SecurityGroup>,
  vpcs: ReadonlySet<string>,
  region: string,
): readonly ProviderProblem[] {
  return (options.securityGroupIds ?? []).flatMap((id) => {
    const group = groups.get(id);
    if (group === undefined) {
      return [
        {
          service,
          message: `Cannot use security group "${id}": there is no such group in ${region}`,
          hint: 'List them with: aws ec2 describe-security-groups',
        },
      ];
    }
    const { vpcId } = group;
    if (vpcId === null || vpcs.size === 0 || [...vpcs].every((vpc) => vpc === vpcId)) return [];
    return [
      {
        service,
        message: `Cannot use security group "${id}": it is in "${vpcId}", the machines come to be in "${[...vpcs].join('", "')}"`,
        hint: 'Name groups and subnets of the same VPC.',
      },
    ];
  });
}

function vpcsOf(
  { options }: Wanted,
  subnets: ReadonlyMap<string, Ec2Subnet> | null,
  defaultVpc: string | null,
): ReadonlySet<string> {
  if (options.subnetIds.length === 0) return new Set(defaultVpc === null ? [] : [defaultVpc]);
  return new Set(options.subnetIds.flatMap((id) => subnets?.get(id)?.vpcId ?? []));
}
