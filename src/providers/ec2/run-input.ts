import type { Json } from '../../json.ts';
import type { LaunchBatch, LaunchRequest } from '../provider.ts';
import type { Alternative } from './alternatives.ts';
import type { Ec2Image, RunInput } from './api.ts';
import type { TagList } from './instance-tags.ts';
import { instanceTags, replaceTags } from './instance-tags.ts';
import { loginUser } from './login-user.ts';
import type { Ec2Options } from './options.ts';
import type { OptionProblem } from './problem.ts';
import { problem } from './problem.ts';
import { BATCH_TAG } from './tags.ts';

/** All that is settled before machines are launched. */
export interface LaunchParts {
  readonly request: Pick<LaunchRequest, 'service' | 'labels' | 'tags' | 'expiresAt'>;
  readonly options: Ec2Options;
  readonly image: Ec2Image;
  readonly alternative: Alternative;
  readonly keyName: string;
  readonly groupIds: readonly string[];
  readonly userData: Buffer | null;
}

/** RunInstances for a service: everything but what its batch decides, which `batchInput` adds. */
export function runInput(
  parts: LaunchParts,
): { readonly kind: 'input'; readonly input: RunInput } | OptionProblem {
  const { options, image, alternative, keyName, userData } = parts;
  const tags = instanceTags(parts.request, options.tags, loginUser(image));
  if (tags.kind === 'problem') return tags;
  const devices = blockDevices(options, image);
  if (devices.kind === 'problem') return devices;
  const { iamInstanceProfile: profile } = options;
  return {
    kind: 'input',
    input: {
      ImageId: image.id,
      InstanceType: alternative.instanceType,
      KeyName: keyName,
      ...network(parts),
      ...(profile !== null && {
        IamInstanceProfile: profile.startsWith('arn:') ? { Arn: profile } : { Name: profile },
      }),
      ...devices.input,
      ...market(options),
      MetadataOptions: {
        HttpEndpoint: 'enabled',
        HttpTokens: options.httpTokens,
        ...(options.httpPutResponseHopLimit !== null && {
          HttpPutResponseHopLimit: options.httpPutResponseHopLimit,
        }),
        InstanceMetadataTags: 'disabled',
      },
      ...placement(options),
      // It shuts itself down when its time is over.
      ...(parts.request.expiresAt !== undefined && { InstanceInitiatedShutdownBehavior: 'terminate' }),
      ...(userData !== null && { UserData: userData.toString('base64') }),
      TagSpecifications: tagSpecifications(options, tags.tags),
    },
  };
}

/** The same for the same batch, as its token wants it. The only machine of a batch has its own name from the start. */
export function batchInput(
  input: RunInput,
  { token, machines, min }: Omit<LaunchBatch, 'request'>,
): RunInput {
  const [only, ...others] = machines;
  const tags = {
    [BATCH_TAG]: token,
    ...(only !== undefined && others.length === 0 && { Name: only.name }),
  };
  const specifications = (input['TagSpecifications'] ?? []) as readonly Readonly<Record<string, Json>>[];
  return {
    ...input,
    TagSpecifications: specifications.map((one) => ({ ...one, Tags: replaceTags(one['Tags'], tags) })),
    MinCount: min,
    MaxCount: machines.length,
    ClientToken: token,
  };
}

/** Whether a machine has a public address is asked of its interface, which then has its subnet and groups as well. */
function network({ options, alternative: { subnetId }, groupIds }: LaunchParts): RunInput {
  const subnet = subnetId === null ? {} : { SubnetId: subnetId };
  if (options.associatePublicIp === null) return { ...subnet, SecurityGroupIds: groupIds };
  return {
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        AssociatePublicIpAddress: options.associatePublicIp,
        DeleteOnTermination: true,
        ...subnet,
        Groups: groupIds,
      },
    ],
  };
}

/** The root volume goes with its machine, whatever the image says: nobody would know it afterwards. */
function blockDevices(
  { rootVolume }: Ec2Options,
  { id, rootDeviceName, rootDeviceType }: Ec2Image,
): { readonly kind: 'devices'; readonly input: RunInput } | OptionProblem {
  if (rootDeviceType !== 'ebs' || rootDeviceName === null) {
    if (rootVolume === null) return { kind: 'devices', input: {} };
    return problem(
      `Cannot use ec2.rootVolume: image "${id}" has its root on the host's own disk`,
      'Leave rootVolume out, or use an image whose root device is a volume (ebs).',
    );
  }
  const volume = {
    DeleteOnTermination: true,
    ...(typeof rootVolume?.sizeGiB === 'number' && { VolumeSize: rootVolume.sizeGiB }),
    ...(typeof rootVolume?.type === 'string' && { VolumeType: rootVolume.type }),
    ...(typeof rootVolume?.encrypted === 'boolean' && { Encrypted: rootVolume.encrypted }),
  };
  return {
    kind: 'devices',
    input: { BlockDeviceMappings: [{ DeviceName: rootDeviceName, Ebs: volume }] },
  };
}

function market({ spot }: Ec2Options): RunInput {
  if (spot === null) return {};
  const price = spot.maxPrice === null ? {} : { MaxPrice: spot.maxPrice };
  const options = { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate', ...price };
  return { InstanceMarketOptions: { MarketType: 'spot', SpotOptions: options } };
}

function placement({ tenancy, placementGroup }: Ec2Options): RunInput {
  if (tenancy === null && placementGroup === null) return {};
  return {
    Placement: {
      ...(tenancy !== null && { Tenancy: tenancy }),
      ...(placementGroup !== null && { GroupName: placementGroup }),
    },
  };
}

function tagSpecifications({ spot }: Ec2Options, tags: TagList): readonly RunInput[] {
  const types = ['instance', 'volume', ...(spot === null ? [] : ['spot-instances-request'])];
  return types.map((ResourceType) => ({ ResourceType, Tags: tags }));
}
