import type {
  Ec2Image,
  Ec2Instance,
  Ec2InstanceType,
  Ec2KeyPair,
  Ec2SecurityGroup,
  Ec2State,
  Ec2Subnet,
  Ec2Volume,
  Ec2Vpc,
} from './api.ts';

/** What EC2 may leave out of its answers, which is everything. */
type Maybe<T> = T | undefined;

export interface TagsAnswer {
  readonly Tags?: Maybe<readonly { readonly Key?: Maybe<string>; readonly Value?: Maybe<string> }[]>;
}

export interface InstanceAnswer extends TagsAnswer {
  readonly InstanceId?: Maybe<string>;
  readonly State?: Maybe<{ readonly Name?: Maybe<string> }>;
  readonly StateReason?: Maybe<{ readonly Code?: Maybe<string>; readonly Message?: Maybe<string> }>;
  readonly StateTransitionReason?: Maybe<string>;
  readonly PrivateIpAddress?: Maybe<string>;
  readonly PublicIpAddress?: Maybe<string>;
  readonly PrivateDnsName?: Maybe<string>;
  readonly InstanceType?: Maybe<string>;
  readonly ImageId?: Maybe<string>;
  readonly KeyName?: Maybe<string>;
  readonly Placement?: Maybe<{ readonly AvailabilityZone?: Maybe<string> }>;
  readonly ClientToken?: Maybe<string>;
  readonly AmiLaunchIndex?: Maybe<number>;
  readonly LaunchTime?: Maybe<Date>;
}

export interface ReservationAnswer {
  readonly OwnerId?: Maybe<string>;
  readonly Instances?: Maybe<readonly InstanceAnswer[]>;
}

export function instancesOf({ OwnerId, Instances }: ReservationAnswer): readonly Ec2Instance[] {
  return (Instances ?? []).map((answer) => ({
    id: answer.InstanceId ?? '',
    state: (answer.State?.Name ?? 'pending') as Ec2State,
    reason: reasonOf(answer),
    privateIp: given(answer.PrivateIpAddress),
    publicIp: given(answer.PublicIpAddress),
    privateDnsName: given(answer.PrivateDnsName),
    type: answer.InstanceType ?? '',
    imageId: answer.ImageId ?? '',
    keyName: given(answer.KeyName),
    zone: given(answer.Placement?.AvailabilityZone),
    account: OwnerId ?? '',
    clientToken: given(answer.ClientToken),
    launchIndex: answer.AmiLaunchIndex ?? 0,
    launchedAt: answer.LaunchTime?.getTime() ?? 0,
    tags: tagsOf(answer),
  }));
}

/** EC2 repeats the code in most of its messages, and has `pending: pending` for a machine that merely starts. */
function reasonOf({ StateReason, StateTransitionReason }: InstanceAnswer): string | null {
  const { Code = '', Message = '' } = StateReason ?? {};
  if (Code === '') return given(Message) ?? given(StateTransitionReason);
  if (Code === 'pending') return null;
  return Message === '' || Message.startsWith(Code) ? Message || Code : `${Code}: ${Message}`;
}

/** EC2 answers an empty text for a name or address that is not there yet. */
function given(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

function tagsOf({ Tags = [] }: TagsAnswer): Readonly<Record<string, string>> {
  return Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}

export interface ImageAnswer {
  readonly ImageId?: Maybe<string>;
  readonly Name?: Maybe<string>;
  readonly OwnerId?: Maybe<string>;
  readonly State?: Maybe<string>;
  readonly Architecture?: Maybe<string>;
  readonly RootDeviceName?: Maybe<string>;
  readonly RootDeviceType?: Maybe<string>;
  readonly Platform?: Maybe<string>;
  readonly CreationDate?: Maybe<string>;
}

export function imageOf(answer: ImageAnswer): Ec2Image {
  return {
    id: answer.ImageId ?? '',
    name: answer.Name ?? '',
    ownerId: answer.OwnerId ?? '',
    state: answer.State ?? '',
    architecture: answer.Architecture ?? '',
    rootDeviceName: given(answer.RootDeviceName),
    rootDeviceType: answer.RootDeviceType === 'instance-store' ? 'instance-store' : 'ebs',
    platform: given(answer.Platform),
    createdAt: Date.parse(answer.CreationDate ?? '') || 0,
  };
}

export interface SubnetAnswer {
  readonly SubnetId?: Maybe<string>;
  readonly VpcId?: Maybe<string>;
  readonly AvailabilityZone?: Maybe<string>;
  readonly AvailableIpAddressCount?: Maybe<number>;
  readonly DefaultForAz?: Maybe<boolean>;
}

export function subnetOf(answer: SubnetAnswer): Ec2Subnet {
  return {
    id: answer.SubnetId ?? '',
    vpcId: answer.VpcId ?? '',
    zone: answer.AvailabilityZone ?? '',
    freeAddresses: answer.AvailableIpAddressCount ?? 0,
    isDefaultForZone: answer.DefaultForAz ?? false,
  };
}

export interface VpcAnswer {
  readonly VpcId?: Maybe<string>;
  readonly IsDefault?: Maybe<boolean>;
  readonly OwnerId?: Maybe<string>;
}

export function vpcOf(answer: VpcAnswer): Ec2Vpc {
  return { id: answer.VpcId ?? '', isDefault: answer.IsDefault ?? false, account: answer.OwnerId ?? '' };
}

export interface SecurityGroupAnswer extends TagsAnswer {
  readonly GroupId?: Maybe<string>;
  readonly GroupName?: Maybe<string>;
  readonly VpcId?: Maybe<string>;
  readonly OwnerId?: Maybe<string>;
}

export function securityGroupOf(answer: SecurityGroupAnswer): Ec2SecurityGroup {
  return {
    id: answer.GroupId ?? '',
    name: answer.GroupName ?? '',
    vpcId: given(answer.VpcId),
    account: answer.OwnerId ?? '',
    tags: tagsOf(answer),
  };
}

export interface KeyPairAnswer extends TagsAnswer {
  readonly KeyPairId?: Maybe<string>;
  readonly KeyName?: Maybe<string>;
  readonly CreateTime?: Maybe<Date>;
}

export function keyPairOf(answer: KeyPairAnswer): Ec2KeyPair {
  return {
    id: answer.KeyPairId ?? '',
    name: answer.KeyName ?? '',
    createdAt: answer.CreateTime?.getTime() ?? null,
    tags: tagsOf(answer),
  };
}

export interface VolumeAnswer extends TagsAnswer {
  readonly VolumeId?: Maybe<string>;
  readonly State?: Maybe<string>;
  readonly CreateTime?: Maybe<Date>;
}

export function volumeOf(answer: VolumeAnswer): Ec2Volume {
  return {
    id: answer.VolumeId ?? '',
    state: answer.State ?? '',
    createdAt: answer.CreateTime?.getTime() ?? 0,
    tags: tagsOf(answer),
  };
}

export interface InstanceTypeAnswer {
  readonly InstanceType?: Maybe<string>;
  readonly VCpuInfo?: Maybe<{ readonly DefaultVCpus?: Maybe<number> }>;
  readonly ProcessorInfo?: Maybe<{ readonly SupportedArchitectures?: Maybe<readonly string[]> }>;
}

export function instanceTypeOf(answer: InstanceTypeAnswer): Ec2InstanceType {
  return {
    name: answer.InstanceType ?? '',
    vcpus: answer.VCpuInfo?.DefaultVCpus ?? 0,
    architectures: answer.ProcessorInfo?.SupportedArchitectures ?? [],
  };
}

export interface OfferingAnswer {
  readonly InstanceType?: Maybe<string>;
  readonly Location?: Maybe<string>;
}

export function zonesByType(offerings: readonly OfferingAnswer[]): ReadonlyMap<string, readonly string[]> {
  const zones = new Map<string, string[]>();
  for (const { InstanceType = '', Location = '' } of offerings)
    zones.set(InstanceType, [...(zones.get(InstanceType) ?? []), Location].sort());
  return zones;
}
