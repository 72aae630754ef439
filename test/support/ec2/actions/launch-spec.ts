import { ApiError, invalid, missing } from '../api-error.ts';
import type { Image, InstanceType } from '../catalogue.ts';
import { expectIds } from '../ids.ts';
import type { LaunchSpec, ShutdownBehavior, VolumeSpec } from '../instance.ts';
import type { Params } from '../params.ts';
import type { Realm, Subnet } from '../realm.ts';
import { findGroup, findGroupNamed, findSubnet } from './find.ts';

const VOLUME_TYPES = ['gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1', 'standard'];

/** Bytes of user data, once decoded. */
const USER_DATA_LIMIT = 16_384;

export interface LaunchPlace {
  /** Null: any default subnet (of `zone`, where that is given). */
  readonly subnet: Subnet | null;
  readonly zone: string | null;
  readonly maxPrice: number | null;
}

/** Reads and validates what a RunInstances call says of its instances. */
export function readLaunch(
  realm: Realm,
  params: Params,
  interfaceTags: ReadonlyMap<string, string>,
): { readonly spec: LaunchSpec; readonly place: LaunchPlace } {
  const image = readImage(realm, params);
  const type = readType(realm, params, image);
  const { subnet, groups, isPublic } = readNetwork(realm, params);
  const placement = params.structure('Placement');
  const zone = placement?.text('AvailabilityZone') ?? null;
  if (zone !== null && !realm.zones.includes(zone)) throw invalid(`Invalid availability zone: [${zone}]`);
  const placementGroup = placement?.text('GroupName') ?? null;
  if (placementGroup !== null && !realm.placementGroups.has(placementGroup)) {
    throw new ApiError(
      'InvalidPlacementGroup.Unknown',
      `The placement group '${placementGroup}' is unknown.`,
    );
  }
  const tenancy = placement?.text('Tenancy') ?? 'default';
  if (!['default', 'dedicated', 'host'].includes(tenancy))
    throw invalid(`Invalid value '${tenancy}' for tenancy.`);
  const httpTokens = params.structure('MetadataOptions')?.text('HttpTokens') ?? 'optional';
  if (!['optional', 'required'].includes(httpTokens))
    throw invalid(`Invalid value '${httpTokens}' for httpTokens.`);
  const market = params.structure('InstanceMarketOptions');
  const marketType = market?.text('MarketType');
  if (marketType !== undefined && marketType !== 'spot')
    throw invalid(`Invalid value '${marketType}' for MarketType.`);
  const spot = market?.structure('SpotOptions');
  const maxPrice = spot?.text('MaxPrice');
  if (maxPrice !== undefined && !(Number(maxPrice) > 0))
    throw invalid(`Invalid value '${maxPrice}' for MaxPrice.`);
  return {
    spec: {
      image,
      type,
      ...readKey(realm, params),
      groups,
      userData: readUserData(params),
      isSpot: marketType === 'spot',
      canStop: marketType !== 'spot' || spot?.text('SpotInstanceType') === 'persistent',
      hasPublicAddress: isPublic,
      isProtected: params.flag('DisableApiTermination') ?? false,
      onShutdown: readShutdownBehavior(params.text('InstanceInitiatedShutdownBehavior') ?? 'stop'),
      tenancy,
      placementGroup,
      profile: readProfile(realm, params),
      httpTokens,
      interfaceTags,
      volumes: readVolumes(params, image),
    },
    place: { subnet, zone, maxPrice: maxPrice === undefined ? null : Number(maxPrice) },
  };
}

export function readShutdownBehavior(value: string): ShutdownBehavior {
  if (value === 'stop' || value === 'terminate') return value;
  throw invalid(`Invalid value '${value}' for InstanceInitiatedShutdownBehavior.`);
}

function readImage(realm: Realm, params: Params): Image {
  const id = params.required('ImageId');
  expectIds('ami', 'InvalidAMIID.Malformed', [id]);
  const image = realm.images.find((one) => one.id === id);
  if (image === undefined)
    throw new ApiError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
  return image;
}

function readType(realm: Realm, params: Params, image: Image): InstanceType {
  const name = params.text('InstanceType') ?? 't3.micro';
  const type = realm.types.find((one) => one.name === name);
  if (type === undefined) throw invalid(`Invalid value '${name}' for InstanceType.`);
  if (!type.architectures.includes(image.architecture)) {
    throw invalid(
      `The architecture '${type.architectures.join(',')}' of the specified instance type does not match the ` +
        `architecture '${image.architecture}' of the specified AMI. Specify an instance type and an AMI that have ` +
        `matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to ` +
        `discover the architecture of the instance type or AMI.`,
    );
  }
  return type;
}

function readNetwork(
  realm: Realm,
  params: Params,
): { readonly subnet: Subnet | null; readonly groups: readonly string[]; readonly isPublic: boolean } {
  const interfaces = params.structures('NetworkInterface');
  const [first] = interfaces;
  const ownSubnet = params.text('SubnetId');
  const named = params.list('SecurityGroup');
  if (interfaces.length > 1)
    throw new ApiError('UnsupportedOperation', 'One network interface is supported here');
  if (first !== undefined) {
    const mixed = (what: string): ApiError =>
      new ApiError(
        'InvalidParameterCombination',
        `Network interfaces and an instance-level ${what} may not be specified on the same request`,
      );
    if (ownSubnet !== undefined) throw mixed('subnet ID');
    if (params.list('SecurityGroupId').length + named.length > 0) throw mixed('security groups');
    if (first.integer('DeviceIndex') !== 0) {
      throw invalid(`Each network interface requires a device index; that of the primary one is 0.`);
    }
  }
  const subnetId = first?.text('SubnetId') ?? ownSubnet;
  const subnet = subnetId === undefined ? null : findSubnet(realm, subnetId);
  if (subnet !== null && named.length > 0) {
    throw new ApiError(
      'InvalidParameterCombination',
      `The parameter groupName cannot be used with the parameter subnet`,
    );
  }
  const ids = first?.list('SecurityGroupId') ?? params.list('SecurityGroupId');
  const chosen = [
    ...ids.map((id) => findGroup(realm, id)),
    ...named.map((name) => findGroupNamed(realm, name)),
  ];
  const vpc = subnet?.vpc ?? realm.vpcs[0]?.id ?? '';
  for (const { id, vpc: other } of chosen) {
    if (other !== vpc)
      throw invalid(`Security group ${id} and subnet ${subnetId ?? ''} belong to different networks.`);
  }
  const groups = chosen.length > 0 ? chosen : [findGroupNamed(realm, 'default')];
  return {
    subnet,
    groups: [...new Set(groups.map(({ id }) => id))],
    isPublic: first?.flag('AssociatePublicIpAddress') ?? subnet?.mapsPublicAddress ?? true,
  };
}

function readKey(realm: Realm, params: Params): Pick<LaunchSpec, 'keyName' | 'publicKey'> {
  const name = params.text('KeyName');
  if (name === undefined) return { keyName: null, publicKey: null };
  const pair = realm.keyPairs.get(name);
  if (pair === undefined)
    throw new ApiError('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
  return { keyName: name, publicKey: pair.publicKey };
}

function readUserData(params: Params): Buffer | null {
  const text = params.text('UserData');
  if (text === undefined || text === '') return null;
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw new ApiError('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  }
  const data = Buffer.from(text, 'base64');
  if (data.length > USER_DATA_LIMIT) throw invalid(`User data is limited to ${USER_DATA_LIMIT} bytes`);
  return data;
}

function readProfile(realm: Realm, params: Params): string | null {
  const profile = params.structure('IamInstanceProfile');
  if (profile === undefined) return null;
  const arn = profile.text('Arn');
  const name = profile.text('Name') ?? arn?.split('/').at(-1);
  if (name === undefined) throw missing('IamInstanceProfile.Name');
  if (!realm.profiles.has(name)) {
    throw arn === undefined
      ? invalid(
          `Value (${name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`,
        )
      : invalid(
          `Value (${arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN`,
        );
  }
  return name;
}

function readVolumes(params: Params, image: Image): readonly VolumeSpec[] {
  const mappings = params.structures('BlockDeviceMapping').map((mapping) => {
    const ebs = mapping.structure('Ebs');
    return { device: mapping.required('DeviceName'), ebs };
  });
  const root: VolumeSpec[] = image.rootDeviceType === 'ebs' ? [rootVolume(image)] : [];
  const volumes = new Map(root.map((volume) => [volume.device, volume]));
  for (const { device, ebs } of mappings) {
    if (ebs === undefined) continue;
    const base = volumes.get(device);
    const sizeGiB = ebs.integer('VolumeSize') ?? base?.sizeGiB;
    const type = ebs.text('VolumeType') ?? base?.type ?? 'gp2';
    if (!VOLUME_TYPES.includes(type)) throw invalid(`Invalid value '${type}' for VolumeType.`);
    if (sizeGiB === undefined) throw missing('size or snapshotId');
    if (base !== undefined && sizeGiB < base.sizeGiB) {
      throw new ApiError(
        'InvalidBlockDeviceMapping',
        `Volume of size ${sizeGiB}GB is smaller than snapshot '${image.snapshot}', expect size>= ${base.sizeGiB}GB`,
      );
    }
    volumes.set(device, {
      device,
      sizeGiB,
      type,
      encrypted: ebs.flag('Encrypted') ?? false,
      deleteOnTermination: ebs.flag('DeleteOnTermination') ?? base?.deleteOnTermination ?? true,
      snapshot: base?.snapshot ?? null,
    });
  }
  return [...volumes.values()];
}

function rootVolume({ rootDevice, rootSize, snapshot }: Image): VolumeSpec {
  return {
    device: rootDevice,
    sizeGiB: rootSize,
    type: 'gp3',
    encrypted: false,
    deleteOnTermination: true,
    snapshot,
  };
}
