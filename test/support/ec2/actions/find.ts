import { ApiError } from '../api-error.ts';
import { expectIds } from '../ids.ts';
import type { Instance } from '../instance.ts';
import type { Group, Realm, Subnet } from '../realm.ts';
import { isVisible } from '../realm.ts';

/** Throws InvalidInstanceID.Malformed, and InvalidInstanceID.NotFound with all that are missing. */
export function findInstances(realm: Realm, ids: readonly string[]): readonly Instance[] {
  expectIds('i', 'InvalidInstanceID.Malformed', ids);
  const found: Instance[] = [];
  const missing: string[] = [];
  for (const id of new Set(ids)) {
    const instance = realm.instances.get(id);
    if (instance !== undefined && isVisible(realm, instance)) found.push(instance);
    else missing.push(id);
  }
  if (missing.length > 0) {
    const are = missing.length > 1;
    throw new ApiError(
      'InvalidInstanceID.NotFound',
      `The instance ID${are ? 's' : ''} '${missing.join(', ')}' do${are ? '' : 'es'} not exist`,
    );
  }
  return found;
}

export function findSubnet(realm: Realm, id: string): Subnet {
  expectIds('subnet', 'InvalidSubnetID.Malformed', [id]);
  const subnet = realm.subnets.find((one) => one.id === id);
  if (subnet === undefined) {
    throw new ApiError('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
  }
  return subnet;
}

export function findGroup(realm: Realm, id: string): Group {
  expectIds('sg', 'InvalidGroupId.Malformed', [id]);
  const group = realm.groups.get(id);
  if (group === undefined) {
    throw new ApiError('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
  }
  return group;
}

/** Of the default VPC. */
export function findGroupNamed(realm: Realm, name: string): Group {
  const home = realm.vpcs.find(({ isDefault }) => isDefault)?.id;
  const group = [...realm.groups.values()].find((one) => one.name === name && one.vpc === home);
  if (group === undefined) {
    throw new ApiError(
      'InvalidGroup.NotFound',
      `The security group '${name}' does not exist in default VPC '${home ?? ''}'`,
    );
  }
  return group;
}
