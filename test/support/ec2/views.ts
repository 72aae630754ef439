import { addressesOf } from './actions/instance-xml.ts';
import { imageNamed } from './catalogue.ts';
import type { Instance, StateName, StateReason } from './instance.ts';
import { momentOf } from './instance.ts';
import type { Permission, Realm } from './realm.ts';
import { volumeState } from './realm.ts';
import { currentTags } from './tags.ts';

type TagRecord = Readonly<Record<string, string>>;

interface Placed {
  readonly account: string;
  readonly region: string;
  readonly id: string;
  /** As they are now, without lag. */
  readonly tags: TagRecord;
}

/** An instance as it is now, whether or not calls see it yet. */
export interface InstanceView extends Placed {
  readonly state: StateName;
  readonly reason: StateReason | null;
  readonly token: string | null;
  readonly launchIndex: number;
  readonly launchedAt: number;
  readonly reservation: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly keyName: string | null;
  readonly groupIds: readonly string[];
  readonly address: string;
  readonly privateAddress: string | null;
  readonly publicAddress: string | null;
  readonly isSpot: boolean;
  readonly userData: Buffer | null;
  readonly profile: string | null;
  readonly tenancy: string;
  readonly placementGroup: string | null;
  readonly httpTokens: string;
  readonly volumeIds: readonly string[];
  readonly interfaceTags: TagRecord;
}

export interface VolumeView extends Placed {
  readonly state: 'in-use' | 'available';
  readonly instanceId: string;
  readonly device: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly deleteOnTermination: boolean;
}

export interface KeyPairView extends Placed {
  readonly name: string;
  readonly type: 'rsa' | 'ed25519';
  readonly publicKey: string;
}

export interface GroupView extends Placed {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly ingress: readonly Permission[];
}

/** What every account has in a region from the start. */
export interface Fixtures {
  readonly region: string;
  readonly zones: readonly [string, string];
  /** Ids of images. */
  readonly ubuntu: string;
  readonly olderUbuntu: string;
  readonly ubuntuArm: string;
  readonly amazonLinux: string;
  readonly debian: string;
  readonly instanceStore: string;
  readonly vpc: string;
  /** One in each zone. */
  readonly subnets: readonly [string, string];
  readonly defaultGroup: string;
  readonly instanceProfile: string;
  readonly placementGroup: string;
  /** Name of a parameter whose value is `ubuntu`. */
  readonly parameter: string;
}

export function viewInstances(realm: Realm): readonly InstanceView[] {
  return [...realm.instances.values()].map((instance) => viewInstance(realm, instance));
}

function viewInstance({ account, region, clock }: Realm, instance: Instance): InstanceView {
  const { spec } = instance;
  const { state, reason } = momentOf(instance, clock.now());
  return {
    account,
    region,
    id: instance.id,
    tags: Object.fromEntries(currentTags(instance)),
    state,
    reason,
    token: instance.token,
    launchIndex: instance.launchIndex,
    launchedAt: instance.launchedAt,
    reservation: instance.reservation,
    imageId: spec.image.id,
    instanceType: spec.type.name,
    zone: instance.zone,
    subnetId: instance.subnet,
    keyName: spec.keyName,
    groupIds: spec.groups,
    address: instance.address,
    ...addressesOf(instance, state),
    isSpot: spec.isSpot,
    userData: spec.userData,
    profile: spec.profile,
    tenancy: spec.tenancy,
    placementGroup: spec.placementGroup,
    httpTokens: spec.httpTokens,
    volumeIds: instance.volumes,
    interfaceTags: Object.fromEntries(spec.interfaceTags),
  };
}

/** Those that are there: a volume goes with its instance when it is to. */
export function viewVolumes(realm: Realm): readonly VolumeView[] {
  return [...realm.volumes.values()].flatMap((volume) => {
    const state = volumeState(realm, volume);
    if (state === undefined) return [];
    const { id, device, sizeGiB, type, encrypted, deleteOnTermination, instance } = volume;
    const tags = Object.fromEntries(currentTags(volume));
    const { account, region } = realm;
    return [
      {
        account,
        region,
        id,
        tags,
        state,
        instanceId: instance.id,
        device,
        sizeGiB,
        type,
        encrypted,
        deleteOnTermination,
      },
    ];
  });
}

export function viewKeyPairs({ account, region, keyPairs }: Realm): readonly KeyPairView[] {
  return [...keyPairs.values()].map(({ id, name, type, publicKey, ...pair }) => {
    return { account, region, id, tags: Object.fromEntries(currentTags(pair)), name, type, publicKey };
  });
}

export function viewGroups({ account, region, groups }: Realm): readonly GroupView[] {
  return [...groups.values()].map(({ id, name, description, vpc, ingress, ...group }) => {
    return {
      account,
      region,
      id,
      tags: Object.fromEntries(currentTags(group)),
      name,
      description,
      vpcId: vpc,
      ingress,
    };
  });
}

export function fixturesOf(realm: Realm): Fixtures {
  const image = (part: string): string => imageNamed(realm.images, part).id;
  const [a = '', b = ''] = realm.zones;
  const [first, second] = realm.subnets;
  const [group] = realm.groups.values();
  return {
    region: realm.region,
    zones: [a, b],
    ubuntu: image('gp3/ubuntu-noble-24.04-amd64'),
    olderUbuntu: image('amd64-server-20250610'),
    ubuntuArm: image('arm64'),
    amazonLinux: image('al2023'),
    debian: image('debian-12'),
    instanceStore: image('hvm-instance'),
    vpc: realm.vpcs[0]?.id ?? '',
    subnets: [first?.id ?? '', second?.id ?? ''],
    defaultGroup: group?.id ?? '',
    instanceProfile: 'machine-role',
    placementGroup: 'close-together',
    parameter: '/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id',
  };
}
