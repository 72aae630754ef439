import { ApiError } from '../api-error.ts';
import { filterBy } from '../filters.ts';
import { expectIds } from '../ids.ts';
import { pageOf } from '../pages.ts';
import type { Realm, Volume } from '../realm.ts';
import { tagsIn, volumeState } from '../realm.ts';
import { tagSet } from '../tags.ts';
import type { XmlValue } from '../xml.ts';
import type { Actions } from './action.ts';

export const volumeActions: Actions = {
  DescribeVolumes(realm, params) {
    const ids = params.list('VolumeId');
    const chosen = ids.length > 0 ? ids.map((id) => findVolume(realm, id)) : [...realm.volumes.values()];
    const isAttached = (volume: Volume): boolean => volumeState(realm, volume) === 'in-use';
    const matches = filterBy(
      params,
      {
        'attachment.instance-id': (volume: Volume) => [isAttached(volume) ? volume.instance.id : null],
        'attachment.status': (volume) => [isAttached(volume) ? 'attached' : null],
        'attachment.delete-on-termination': (volume) => [
          isAttached(volume) ? String(volume.deleteOnTermination) : null,
        ],
        'availability-zone': ({ zone }) => [zone],
        encrypted: ({ encrypted }) => [String(encrypted)],
        size: ({ sizeGiB }) => [String(sizeGiB)],
        status: (volume) => [volumeState(realm, volume) ?? null],
        'volume-id': ({ id }) => [id],
        'volume-type': ({ type }) => [type],
      },
      (volume) => tagsIn(realm, volume),
    );
    const all = [...new Set(chosen)]
      .filter((volume) => volumeState(realm, volume) !== undefined && matches(volume))
      .sort((one, other) => one.order - other.order);
    const { items, nextToken } = pageOf(params, all, { orderOf: ({ order }) => order, idsName: 'VolumeId' });
    return { volumeSet: items.map((volume) => volumeXml(realm, volume)), nextToken };
  },

  DeleteVolume(realm, params) {
    const volume = findVolume(realm, params.required('VolumeId'));
    if (volumeState(realm, volume) === 'in-use') {
      throw new ApiError('VolumeInUse', `Volume ${volume.id} is currently attached to ${volume.instance.id}`);
    }
    realm.volumes.delete(volume.id);
    return { return: true };
  },
};

function findVolume(realm: Realm, id: string): Volume {
  expectIds('vol', 'InvalidParameterValue', [id]);
  const volume = realm.volumes.get(id);
  if (volume === undefined || volumeState(realm, volume) === undefined) {
    throw new ApiError('InvalidVolume.NotFound', `The volume '${id}' does not exist.`);
  }
  return volume;
}

function volumeXml(realm: Realm, volume: Volume): XmlValue {
  const status = volumeState(realm, volume);
  const time = new Date(volume.createdAt).toISOString();
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshot ?? '',
    availabilityZone: volume.zone,
    status,
    createTime: time,
    volumeType: volume.type,
    encrypted: volume.encrypted,
    attachmentSet:
      status === 'in-use'
        ? [
            {
              volumeId: volume.id,
              instanceId: volume.instance.id,
              device: volume.device,
              status: 'attached',
              attachTime: time,
              deleteOnTermination: volume.deleteOnTermination,
            },
          ]
        : [],
    tagSet: tagSet(tagsIn(realm, volume)),
  };
}
