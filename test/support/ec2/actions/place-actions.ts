import { ApiError, invalid } from '../api-error.ts';
import type { InstanceType } from '../catalogue.ts';
import { filterBy } from '../filters.ts';
import { fixedId } from '../ids.ts';
import { pageOfFixed } from '../pages.ts';
import type { Rule } from '../realm.ts';
import type { Actions } from './action.ts';
import { zoneId } from './network-actions.ts';

/** What there is to choose from. */
export function placeActions(regions: readonly string[]): Actions {
  return {
    DescribeInstanceTypes(realm, params) {
      const names = params.list('InstanceType');
      const unknown = names.filter((name) => !realm.types.some((type) => type.name === name));
      if (unknown.length > 0) {
        throw new ApiError(
          'InvalidInstanceType',
          `The following supplied instance types do not exist: [${unknown.join(', ')}]`,
        );
      }
      const matches = filterBy(params, {
        'instance-type': ({ name }: InstanceType) => [name],
        'processor-info.supported-architecture': ({ architectures }) => architectures,
        'vcpu-info.default-vcpus': ({ vcpus }) => [String(vcpus)],
      });
      const all = realm.types.filter(
        (type) => (names.length === 0 || names.includes(type.name)) && matches(type),
      );
      const { items, nextToken } = pageOfFixed(params, all, { idsName: 'InstanceType', largest: 100 });
      return {
        instanceTypeSet: items.map(({ name, vcpus, memoryMiB, architectures }) => ({
          instanceType: name,
          currentGeneration: true,
          freeTierEligible: name === 't3.micro',
          supportedUsageClasses: ['on-demand', 'spot'],
          supportedRootDeviceTypes: ['ebs', ...(name.startsWith('m5d') ? ['instance-store'] : [])],
          supportedVirtualizationTypes: ['hvm'],
          bareMetal: false,
          hypervisor: 'nitro',
          processorInfo: { supportedArchitectures: architectures },
          vCpuInfo: {
            defaultVCpus: vcpus,
            defaultCores: Math.ceil(vcpus / 2),
            defaultThreadsPerCore: Math.min(vcpus, 2),
          },
          memoryInfo: { sizeInMiB: memoryMiB },
        })),
        nextToken,
      };
    },

    DescribeInstanceTypeOfferings(realm, params) {
      const kind = params.text('LocationType') ?? 'region';
      if (kind !== 'region' && kind !== 'availability-zone' && kind !== 'availability-zone-id') {
        throw invalid(`Invalid value '${kind}' for LocationType.`);
      }
      const places = {
        region: [realm.region],
        'availability-zone': realm.zones,
        'availability-zone-id': realm.zones.map(zoneId),
      };
      const all = places[kind].flatMap((location) =>
        realm.types
          .filter(({ name }) => !isMissing(realm.rules, name, location))
          .map(({ name }) => ({ instanceType: name, locationType: kind, location })),
      );
      const matches = filterBy(params, {
        'instance-type': ({ instanceType }: (typeof all)[number]) => [instanceType],
        location: ({ location }) => [location],
      });
      const { items, nextToken } = pageOfFixed(params, all.filter(matches));
      return { instanceTypeOfferingSet: items, nextToken };
    },

    DescribeAvailabilityZones(realm, params) {
      const names = params.list('ZoneName');
      const unknown = names.find((name) => !realm.zones.includes(name));
      if (unknown !== undefined) throw invalid(`Invalid availability zone: [${unknown}]`);
      const matches = filterBy(params, {
        'region-name': () => [realm.region],
        state: () => ['available'],
        'zone-name': (zone: string) => [zone],
      });
      const zones = realm.zones.filter(
        (zone) => (names.length === 0 || names.includes(zone)) && matches(zone),
      );
      return {
        availabilityZoneInfo: zones.map((zone) => ({
          zoneName: zone,
          zoneId: zoneId(zone),
          zoneState: 'available',
          zoneType: 'availability-zone',
          regionName: realm.region,
          optInStatus: 'opt-in-not-required',
          messageSet: [],
        })),
      };
    },

    DescribeRegions(_realm, params) {
      const names = params.list('RegionName');
      const unknown = names.find((name) => !regions.includes(name));
      if (unknown !== undefined) throw invalid(`Invalid region: [${unknown}]`);
      return {
        regionInfo: regions
          .filter((region) => names.length === 0 || names.includes(region))
          .map((region) => ({
            regionName: region,
            regionEndpoint: `ec2.${region}.amazonaws.com`,
            optInStatus: 'opt-in-not-required',
          })),
      };
    },

    DescribePlacementGroups(realm, params) {
      const names = params.list('GroupName');
      const unknown = names.find((name) => !realm.placementGroups.has(name));
      if (unknown !== undefined) {
        throw new ApiError('InvalidPlacementGroup.Unknown', `The Placement Group '${unknown}' is unknown.`);
      }
      const matches = filterBy(params, {
        'group-name': (name: string) => [name],
        state: () => ['available'],
      });
      const chosen = [...realm.placementGroups].filter(
        (name) => (names.length === 0 || names.includes(name)) && matches(name),
      );
      return {
        placementGroupSet: chosen.map((name) => ({
          groupName: name,
          groupId: fixedId('pg', realm.account, realm.region, name),
          strategy: 'cluster',
          state: 'available',
        })),
      };
    },

    DescribeAccountAttributes(realm, params) {
      const values: Readonly<Record<string, string>> = {
        'supported-platforms': 'VPC',
        'default-vpc': realm.vpcs[0]?.id ?? 'none',
        'max-instances': '20',
        'vpc-max-security-groups-per-interface': '5',
      };
      const names = params.list('AttributeName');
      const unknown = names.find((name) => values[name] === undefined);
      if (unknown !== undefined) throw invalid(`Invalid value '${unknown}' for attribute name.`);
      return {
        accountAttributeSet: Object.entries(values)
          .filter(([name]) => names.length === 0 || names.includes(name))
          .map(([name, value]) => ({ attributeName: name, attributeValueSet: [{ attributeValue: value }] })),
      };
    },
  };
}

/** A type that launches are refused as Unsupported for is not offered there. */
function isMissing(rules: readonly Rule[], type: string, zone: string): boolean {
  return rules.some(
    ({ effect, ...rule }) =>
      effect.kind === 'refuse' &&
      effect.code === 'Unsupported' &&
      (rule.instanceType ?? type) === type &&
      rule.zone === zone,
  );
}
