import { ApiError, missing } from '../api-error.ts';
import { filterBy } from '../filters.ts';
import { pageOfFixed } from '../pages.ts';
import type { Params } from '../params.ts';
import type { Realm } from '../realm.ts';
import { isVisible, tagsIn, volumeState } from '../realm.ts';
import type { Tagged } from '../tags.ts';
import { changeTags, readTags } from '../tags.ts';
import type { Actions } from './action.ts';
import { findInstances } from './find.ts';

const MOST_RESOURCES = 1000;

export const tagActions: Actions = {
  CreateTags(realm, params) {
    const resources = readResources(realm, params);
    const tags = readTags(params);
    if (tags.size === 0) throw missing('Tag');
    const now = realm.clock.now();
    for (const resource of resources) {
      changeTags(resource, now, (own) => {
        for (const [key, value] of tags) own.set(key, value);
      });
    }
    return { return: true };
  },

  /** A key without a value goes whatever its value is; no key at all: all tags go. */
  DeleteTags(realm, params) {
    const resources = readResources(realm, params);
    const doomed = params
      .structures('Tag')
      .map((tag) => ({ key: tag.required('Key'), value: tag.text('Value') }));
    const now = realm.clock.now();
    for (const resource of resources) {
      changeTags(resource, now, (own) => {
        if (doomed.length === 0) own.clear();
        for (const { key, value } of doomed) {
          if (value === undefined || own.get(key) === value) own.delete(key);
        }
      });
    }
    return { return: true };
  },

  DescribeTags(realm, params) {
    const all = taggedOf(realm).flatMap(({ id, type, resource }) =>
      [...tagsIn(realm, resource)].map(([key, value]) => ({
        resourceId: id,
        resourceType: type,
        key,
        value,
      })),
    );
    const matches = filterBy(
      params,
      {
        key: ({ key }: (typeof all)[number]) => [key],
        'resource-id': ({ resourceId }) => [resourceId],
        'resource-type': ({ resourceType }) => [resourceType],
        value: ({ value }) => [value],
      },
      ({ key, value }) => new Map([[key, value]]),
    );
    const { items, nextToken } = pageOfFixed(params, all.filter(matches));
    return { tagSet: items, nextToken };
  },
};

interface Listed {
  readonly id: string;
  readonly type: string;
  readonly resource: Tagged;
}

function taggedOf(realm: Realm): readonly Listed[] {
  const { instances, volumes, groups, keyPairs, subnets, vpcs } = realm;
  const listed = (type: string, list: Iterable<Tagged & { readonly id: string }>): Listed[] =>
    [...list].map((resource) => ({ id: resource.id, type, resource }));
  return [
    ...listed(
      'instance',
      [...instances.values()].filter((one) => isVisible(realm, one)),
    ),
    ...listed(
      'volume',
      [...volumes.values()].filter((one) => volumeState(realm, one) !== undefined),
    ),
    ...listed('security-group', groups.values()),
    ...listed('key-pair', keyPairs.values()),
    ...listed('subnet', subnets),
    ...listed('vpc', vpcs),
  ];
}

function readResources(realm: Realm, params: Params): readonly Tagged[] {
  const ids = params.list('ResourceId');
  if (ids.length === 0) throw missing('ResourceId');
  if (ids.length > MOST_RESOURCES) {
    throw new ApiError(
      'InvalidParameterValue',
      `The maximum number of resources in one call is ${MOST_RESOURCES}`,
    );
  }
  const instances = findInstances(
    realm,
    ids.filter((id) => id.startsWith('i-')),
  );
  const others = ids.filter((id) => !id.startsWith('i-')).map((id) => otherResource(realm, id));
  return [...instances, ...others];
}

const NOT_FOUND: Readonly<Record<string, string>> = {
  vol: 'InvalidVolume.NotFound',
  sg: 'InvalidGroup.NotFound',
  key: 'InvalidKeyPair.NotFound',
  subnet: 'InvalidSubnetID.NotFound',
  vpc: 'InvalidVpcID.NotFound',
};

function otherResource(realm: Realm, id: string): Tagged {
  const code = NOT_FOUND[/^([a-z]+)-/.exec(id)?.[1] ?? ''];
  if (code === undefined) throw new ApiError('InvalidID', `The ID '${id}' is not valid`);
  const volume = realm.volumes.get(id);
  const found =
    (volume !== undefined && volumeState(realm, volume) !== undefined ? volume : undefined) ??
    realm.groups.get(id) ??
    [...realm.keyPairs.values(), ...realm.subnets, ...realm.vpcs].find((one) => one.id === id);
  if (found === undefined) throw new ApiError(code, `The ID '${id}' does not exist`);
  return found;
}
