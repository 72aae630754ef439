import { ApiError } from '../api-error.ts';
import { filterBy } from '../filters.ts';
import { expectIds } from '../ids.ts';
import { stateOf } from '../instance.ts';
import { pageOfFixed } from '../pages.ts';
import type { Subnet, Vpc } from '../realm.ts';
import { tagsIn } from '../realm.ts';
import { tagSet } from '../tags.ts';
import type { Actions } from './action.ts';
import { findSubnet } from './find.ts';

export const networkActions: Actions = {
  DescribeSubnets(realm, params) {
    const ids = params.list('SubnetId');
    const chosen = ids.length > 0 ? ids.map((id) => findSubnet(realm, id)) : realm.subnets;
    const matches = filterBy(
      params,
      {
        'availability-zone': ({ zone }: Subnet) => [zone],
        'cidr-block': ({ cidr }) => [cidr],
        'default-for-az': ({ isDefault }) => [String(isDefault)],
        'map-public-ip-on-launch': ({ mapsPublicAddress }) => [String(mapsPublicAddress)],
        'owner-id': () => [realm.account],
        state: () => ['available'],
        'subnet-id': ({ id }) => [id],
        'vpc-id': ({ vpc }) => [vpc],
      },
      (subnet) => tagsIn(realm, subnet),
    );
    const { items, nextToken } = pageOfFixed(params, chosen.filter(matches), { idsName: 'SubnetId' });
    const now = realm.clock.now();
    const taken = new Map<string, number>();
    for (const instance of realm.instances.values()) {
      if (stateOf(instance, now) === 'terminated') continue;
      taken.set(instance.subnet, (taken.get(instance.subnet) ?? 0) + 1);
    }
    return {
      subnetSet: items.map((subnet) => ({
        subnetId: subnet.id,
        state: 'available',
        vpcId: subnet.vpc,
        cidrBlock: subnet.cidr,
        availableIpAddressCount: Math.max(0, subnet.addresses - (taken.get(subnet.id) ?? 0)),
        availabilityZone: subnet.zone,
        availabilityZoneId: zoneId(subnet.zone),
        defaultForAz: subnet.isDefault,
        mapPublicIpOnLaunch: subnet.mapsPublicAddress,
        ownerId: realm.account,
        tagSet: tagSet(tagsIn(realm, subnet)),
      })),
      nextToken,
    };
  },

  DescribeVpcs(realm, params) {
    const ids = params.list('VpcId');
    expectIds('vpc', 'InvalidVpcID.Malformed', ids);
    for (const id of ids) {
      if (realm.vpcs.some((vpc) => vpc.id === id)) continue;
      throw new ApiError('InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
    }
    const matches = filterBy(
      params,
      {
        cidr: ({ cidr }: Vpc) => [cidr],
        'is-default': ({ isDefault }) => [String(isDefault)],
        isDefault: ({ isDefault }) => [String(isDefault)],
        'owner-id': () => [realm.account],
        state: () => ['available'],
        'vpc-id': ({ id }) => [id],
      },
      (vpc) => tagsIn(realm, vpc),
    );
    const all = realm.vpcs.filter((vpc) => (ids.length === 0 || ids.includes(vpc.id)) && matches(vpc));
    const { items, nextToken } = pageOfFixed(params, all, { idsName: 'VpcId' });
    return {
      vpcSet: items.map((vpc) => ({
        vpcId: vpc.id,
        state: 'available',
        cidrBlock: vpc.cidr,
        isDefault: vpc.isDefault,
        instanceTenancy: 'default',
        ownerId: realm.account,
        tagSet: tagSet(tagsIn(realm, vpc)),
      })),
      nextToken,
    };
  },
};

/** `us-east-1a` is `use1-az1`. */
export function zoneId(zone: string): string {
  const [area = '', side = '', rest = ''] = zone.split('-');
  return `${area}${side.slice(0, 1)}${rest.slice(0, 1)}-az${rest.charCodeAt(1) - 96}`;
}
