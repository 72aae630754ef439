import { ApiError } from '../api-error.ts';
import type { Image } from '../catalogue.ts';
import { filterBy } from '../filters.ts';
import { expectIds } from '../ids.ts';
import { pageOfFixed } from '../pages.ts';
import type { XmlValue } from '../xml.ts';
import type { Actions } from './action.ts';

/** Names that stand for the accounts of well-known owners. */
const ALIASES: Readonly<Record<string, string>> = { amazon: '137112412989' };

export const imageActions: Actions = {
  /** The order says nothing: it is neither that of names nor of dates. */
  DescribeImages(realm, params) {
    const ids = params.list('ImageId');
    expectIds('ami', 'InvalidAMIID.Malformed', ids);
    const unknown = ids.filter((id) => !realm.images.some((image) => image.id === id));
    if (unknown.length > 0) {
      const are = unknown.length > 1;
      throw new ApiError(
        'InvalidAMIID.NotFound',
        `The image id${are ? 's' : ''} '[${unknown.join(', ')}]' do${are ? '' : 'es'} not exist`,
      );
    }
    const owners = params
      .list('Owner')
      .map((owner) => (owner === 'self' ? realm.account : (ALIASES[owner] ?? owner)));
    const matches = filterBy(params, {
      architecture: ({ architecture }: Image) => [architecture],
      description: ({ description }) => [description],
      'image-id': ({ id }) => [id],
      'is-public': () => ['true'],
      name: ({ name }) => [name],
      'owner-id': ({ owner }) => [owner],
      'root-device-type': ({ rootDeviceType }) => [rootDeviceType],
      state: () => ['available'],
      'virtualization-type': () => ['hvm'],
    });
    const all = realm.images.filter(
      (image) =>
        (ids.length === 0 || ids.includes(image.id)) &&
        (owners.length === 0 || owners.includes(image.owner)) &&
        matches(image),
    );
    const { items, nextToken } = pageOfFixed(params, all, { idsName: 'ImageId', smallest: 1 });
    return { imagesSet: items.map(describeImage), nextToken };
  },
};

function describeImage(image: Image): XmlValue {
  const {
    id,
    owner,
    name,
    description,
    architecture,
    created,
    rootDevice,
    rootDeviceType,
    rootSize,
    snapshot,
  } = image;
  const ebs = {
    snapshotId: snapshot,
    volumeSize: rootSize,
    deleteOnTermination: true,
    volumeType: 'gp3',
    encrypted: false,
  };
  return {
    imageId: id,
    imageLocation: `${owner}/${name}`,
    imageState: 'available',
    imageOwnerId: owner,
    isPublic: true,
    architecture,
    imageType: 'machine',
    name,
    description,
    creationDate: created,
    rootDeviceType,
    rootDeviceName: rootDevice,
    blockDeviceMapping: rootDeviceType === 'ebs' ? [{ deviceName: rootDevice, ebs }] : [],
    virtualizationType: 'hvm',
    hypervisor: 'xen',
    enaSupport: true,
  };
}
