import type { EC2Client, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import {
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { Ec2Endpoint } from './endpoint.ts';
import { errorOf, launchOf, onEndpoint } from './trial.ts';

let endpoint: Ec2Endpoint;
let client: EC2Client;

onEndpoint((cloud) => ({ endpoint, client } = cloud));

async function launch(rest: Partial<RunInstancesCommandInput> = {}): Promise<readonly string[]> {
  const { Instances = [] } = await client.send(new RunInstancesCommand(launchOf(endpoint, rest)));
  return Instances.map(({ InstanceId = '' }) => InstanceId);
}

function refused(rest: Partial<RunInstancesCommandInput>): Promise<string> {
  return errorOf(launch(rest));
}

describe('a client token', () => {
  const batch = { ClientToken: 'batch-1', MinCount: 1, MaxCount: 3 };

  it('launches once and answers the same instances again', async () => {
    const first = await launch(batch);
    await client.send(new StopInstancesCommand({ InstanceIds: [first[0] ?? ''] }));
    expect(await launch(batch)).toEqual(first);
    expect(endpoint.instances().map(({ launchIndex, token }) => `${token ?? ''} ${launchIndex}`)).toEqual([
      'batch-1 0',
      'batch-1 1',
      'batch-1 2',
    ]);
  });

  it('belongs to one request', async () => {
    await launch(batch);
    expect(await refused({ ...batch, MaxCount: 4 })).toBe(
      'IdempotentParameterMismatch (400): Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
    expect(endpoint.instances()).toHaveLength(3);
  });

  it('is over when all of its instances are terminated', async () => {
    const [one = '', ...others] = await launch(batch);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [...others] }));
    expect(await launch(batch)).toHaveLength(3);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [one] }));
    expect(await refused(batch)).toMatch(/^IdempotentInstanceTerminated \(400\)/);
  });

  it('is not used up by a launch that is refused or was a dry run', async () => {
    endpoint.refuse({ code: 'InsufficientInstanceCapacity', times: 1 });
    expect(await refused({ ...batch, DryRun: true })).toBe(
      'DryRunOperation (412): Request would have succeeded, but DryRun flag is set.',
    );
    expect(await refused({ ...batch, SubnetId: endpoint.fixtures().subnets[0] })).toMatch(
      /^InsufficientInstanceCapacity \(500\)/,
    );
    expect(await launch({ ...batch, MaxCount: 2 })).toHaveLength(2);
  });

  it('keeps the number of a short fill', async () => {
    endpoint.limit({ left: 2 });
    expect(await launch(batch)).toHaveLength(2);
    endpoint.limit({ left: 10 });
    expect(await launch(batch)).toHaveLength(2);
  });

  it('has at most 64 characters', async () => {
    expect(await refused({ ClientToken: 'x'.repeat(65) })).toMatch(/^InvalidParameterValue/);
  });
});

describe('capacity', () => {
  it('is of a type and a zone, and fills a launch between its min and its max', async () => {
    const { subnets, zones } = endpoint.fixtures();
    endpoint.limit({ instanceType: 't3.micro', zone: zones[0], left: 4 });
    const here = { SubnetId: subnets[0], MinCount: 2 };
    expect(await launch({ ...here, MaxCount: 3 })).toHaveLength(3);
    expect(await refused({ ...here, MaxCount: 3 })).toBe(
      'InsufficientInstanceCapacity (500): We currently do not have sufficient t3.micro capacity in the Availability ' +
        'Zone you requested (us-east-1a). Our system will be working on provisioning additional capacity. You can ' +
        'currently get t3.micro capacity by not specifying an Availability Zone in your request or choosing us-east-1b.',
    );
    expect(await launch({ ...here, MinCount: 1, MaxCount: 3 })).toHaveLength(1);
    expect(await launch({ ...here, InstanceType: 't3.small', MaxCount: 2 })).toHaveLength(2);
    expect(await launch({ MinCount: 2, MaxCount: 2 })).toHaveLength(2);
    expect(endpoint.instances().at(-1)?.zone).toBe(zones[1]);
    endpoint.relent();
    expect(await launch({ ...here, MaxCount: 3 })).toHaveLength(3);
  });

  it.each([
    ['InstanceLimitExceeded', 400],
    ['VcpuLimitExceeded', 400],
    ['SpotMaxPriceTooLow', 400],
    ['MaxSpotInstanceCountExceeded', 400],
    ['Unsupported', 400],
    ['InsufficientFreeAddressesInSubnet', 400],
    ['InsufficientHostCapacity', 500],
  ])('is refused with %s on demand', async (code, status) => {
    const { subnets, zones } = endpoint.fixtures();
    endpoint.refuse({ code, instanceType: 'm5.large', zone: zones[1] });
    expect(await refused({ InstanceType: 'm5.large', SubnetId: subnets[1] })).toContain(
      `${code} (${status}): `,
    );
    await launch({ InstanceType: 'm5.large', SubnetId: subnets[0] });
    endpoint.refuse({ code, message: 'Because.', times: 1, instanceType: 't3.nano' });
    expect(await refused({ InstanceType: 't3.nano', SubnetId: subnets[1] })).toBe(
      `${code} (${status}): Because.`,
    );
    expect(await launch({ InstanceType: 't3.nano' })).toHaveLength(1);
  });

  it('is looked for in the next zone, unless the refusal is about no zone', async () => {
    const { zones } = endpoint.fixtures();
    endpoint.refuse({ code: 'InsufficientInstanceCapacity', zone: zones[0], times: 1 });
    await launch();
    expect(endpoint.instances()[0]?.zone).toBe(zones[1]);
    endpoint.refuse({ code: 'InstanceLimitExceeded', times: 1 });
    expect(await refused({})).toContain('InstanceLimitExceeded');
  });

  it('ends with the addresses of a subnet', async () => {
    const [subnet] = endpoint.fixtures().subnets;
    endpoint.subnetAddresses(subnet, 3);
    const ids = await launch({ SubnetId: subnet, MinCount: 2, MaxCount: 2 });
    const { Subnets } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [subnet] }));
    expect(Subnets?.[0]?.AvailableIpAddressCount).toBe(1);
    expect(await refused({ SubnetId: subnet, MinCount: 2, MaxCount: 2 })).toBe(
      `InsufficientFreeAddressesInSubnet (400): There are not enough free addresses in subnet '${subnet}' to satisfy the requested number of instances.`,
    );
    expect(await launch({ SubnetId: subnet, MinCount: 1, MaxCount: 9 })).toHaveLength(1);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }));
    expect(await launch({ SubnetId: subnet, MinCount: 2, MaxCount: 9 })).toHaveLength(2);
  });
});

describe('the vCPU quota', () => {
  it('fills a launch between its min and its max, and counts what is pending or running', async () => {
    endpoint.quota({ onDemand: 8 });
    const ids = await launch({ InstanceType: 'm5.large', MinCount: 2, MaxCount: 5 });
    expect(ids).toHaveLength(4);
    expect(await refused({})).toBe(
      'VcpuLimitExceeded (400): You have requested more vCPU capacity than your current vCPU limit of 8 allows for the ' +
        'instance bucket that the specified instance type belongs to. Please visit ' +
        'http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
    );
    await client.send(new StopInstancesCommand({ InstanceIds: ids.slice(0, 2) }));
    expect(await refused({ MinCount: 3, MaxCount: 5 })).toContain('VcpuLimitExceeded');
    expect(await launch({ MinCount: 2, MaxCount: 5 })).toHaveLength(2);
    expect(await errorOf(client.send(new StartInstancesCommand({ InstanceIds: ids.slice(0, 1) })))).toContain(
      'VcpuLimitExceeded',
    );
  });

  it('is another one for spot instances', async () => {
    endpoint.quota({ spot: 2 });
    const spot = { InstanceMarketOptions: { MarketType: 'spot' as const } };
    expect(await launch({ ...spot, MaxCount: 2 })).toHaveLength(1);
    expect(await refused(spot)).toBe('MaxSpotInstanceCountExceeded (400): Max spot instance count exceeded');
    expect(await launch()).toHaveLength(1);
  });
});

describe('spot instances', () => {
  it('cost at least the price of their type, and cannot be stopped unless they are persistent', async () => {
    const spot = (options: object): Partial<RunInstancesCommandInput> => ({
      InstanceMarketOptions: { MarketType: 'spot', SpotOptions: options },
    });
    expect(await refused(spot({ MaxPrice: '0.003' }))).toBe(
      'SpotMaxPriceTooLow (400): Your Spot request price of 0.003 is lower than the minimum required Spot request fulfillment price of 0.0031.',
    );
    expect(await refused(spot({ MaxPrice: 'cheap' }))).toContain('InvalidParameterValue');
    const [id = ''] = await launch(spot({ MaxPrice: '0.0031' }));
    const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    expect(Reservations?.[0]?.Instances?.[0]?.InstanceLifecycle).toBe('spot');
    expect(await errorOf(client.send(new StopInstancesCommand({ InstanceIds: [id] })))).toContain(
      'UnsupportedOperation',
    );
    const [other = ''] = await launch(spot({ SpotInstanceType: 'persistent' }));
    await client.send(new StopInstancesCommand({ InstanceIds: [other] }));
  });
});

describe('what a launch says', () => {
  const group = 'sg-00000000000000001';
  const cases: readonly (readonly [string, Partial<RunInstancesCommandInput>, string])[] = [
    [
      'a malformed image',
      { ImageId: 'ami-ubuntu' },
      'InvalidAMIID.Malformed (400): Invalid id: "ami-ubuntu" (expecting "ami-...")',
    ],
    [
      'an unknown image',
      { ImageId: 'ami-00000000000000001' },
      "InvalidAMIID.NotFound (400): The image id '[ami-00000000000000001]' does not exist",
    ],
    [
      'an unknown type',
      { InstanceType: 'x9.huge' as never },
      "InvalidParameterValue (400): Invalid value 'x9.huge' for InstanceType.",
    ],
    ['another architecture', { InstanceType: 't4g.micro' }, 'InvalidParameterValue (400): The architecture'],
    [
      'an unknown subnet',
      { SubnetId: 'subnet-00000000000000001' },
      "InvalidSubnetID.NotFound (400): The subnet ID 'subnet-00000000000000001' does not exist",
    ],
    ['a malformed subnet', { SubnetId: 'subnet-x' }, 'InvalidSubnetID.Malformed (400)'],
    [
      'an unknown group',
      { SecurityGroupIds: [group] },
      `InvalidGroup.NotFound (400): The security group '${group}' does not exist`,
    ],
    [
      'an unknown group name',
      { SecurityGroups: ['web'] },
      "InvalidGroup.NotFound (400): The security group 'web' does not exist in default VPC",
    ],
    ['a malformed group', { SecurityGroupIds: ['web'] }, 'InvalidGroupId.Malformed (400)'],
    [
      'an unknown key',
      { KeyName: 'mine' },
      "InvalidKeyPair.NotFound (400): The key pair 'mine' does not exist",
    ],
    [
      'an unknown profile',
      { IamInstanceProfile: { Name: 'root' } },
      'InvalidParameterValue (400): Value (root) for parameter iamInstanceProfile.name',
    ],
    [
      'an unknown profile ARN',
      { IamInstanceProfile: { Arn: 'arn:aws:iam::1:instance-profile/root' } },
      'InvalidParameterValue (400): Value (arn:',
    ],
    [
      'an unknown placement group',
      { Placement: { GroupName: 'far' } },
      "InvalidPlacementGroup.Unknown (400): The placement group 'far' is unknown.",
    ],
    [
      'an unknown zone',
      { Placement: { AvailabilityZone: 'us-east-1z' } },
      'InvalidParameterValue (400): Invalid availability zone: [us-east-1z]',
    ],
    ['an unknown tenancy', { Placement: { Tenancy: 'shared' as never } }, 'InvalidParameterValue (400)'],
    [
      'unknown metadata tokens',
      { MetadataOptions: { HttpTokens: 'maybe' as never } },
      'InvalidParameterValue (400)',
    ],
    [
      'an unknown market',
      { InstanceMarketOptions: { MarketType: 'stock' as never } },
      'InvalidParameterValue (400)',
    ],
    ['user data that is no base64', { UserData: '#!/bin/sh' }, 'InvalidUserData.Malformed (400)'],
    [
      'too much user data',
      { UserData: Buffer.alloc(16_385).toString('base64') },
      'InvalidParameterValue (400): User data is limited to 16384 bytes',
    ],
    ['a min above its max', { MinCount: 3, MaxCount: 2 }, 'InvalidParameterValue (400)'],
    ['a min of 0', { MinCount: 0 }, 'InvalidParameterValue (400)'],
    [
      'an interface beside a subnet',
      { SubnetId: 'subnet-00000000000000001', NetworkInterfaces: [{ DeviceIndex: 0 }] },
      'InvalidParameterCombination (400): Network interfaces and an instance-level subnet ID may not be specified on the same request',
    ],
    [
      'an interface beside groups',
      { SecurityGroupIds: [group], NetworkInterfaces: [{ DeviceIndex: 0 }] },
      'InvalidParameterCombination (400)',
    ],
    [
      'an interface without an index',
      { NetworkInterfaces: [{ AssociatePublicIpAddress: true }] },
      'InvalidParameterValue (400)',
    ],
    [
      'two interfaces',
      { NetworkInterfaces: [{ DeviceIndex: 0 }, { DeviceIndex: 1 }] },
      'UnsupportedOperation (400)',
    ],
    [
      'a volume smaller than its snapshot',
      { BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 4 } }] },
      'InvalidBlockDeviceMapping (400): Volume of size 4GB is smaller than snapshot',
    ],
    [
      'a volume without a size',
      { BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeType: 'gp3' } }] },
      'MissingParameter (400)',
    ],
    [
      'an unknown volume type',
      { BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeType: 'tape' as never } }] },
      'InvalidParameterValue (400)',
    ],
    [
      'tags of something else',
      { TagSpecifications: [{ ResourceType: 'vpc', Tags: [] }] },
      "InvalidParameterValue (400): 'vpc' is not a valid taggable resource type",
    ],
    [
      'tags of a spot request without one',
      { TagSpecifications: [{ ResourceType: 'spot-instances-request', Tags: [{ Key: 'a', Value: 'b' }] }] },
      'InvalidParameterValue (400)',
    ],
    [
      'reserved tags',
      { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'aws:a', Value: 'b' }] }] },
      "InvalidParameterValue (400): Tag keys starting with 'aws:'",
    ],
    [
      'the same tag twice',
      { TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a' }, { Key: 'a' }] }] },
      "InvalidParameterValue (400): Duplicate tag key 'a' specified.",
    ],
  ];

  it.each(cases)('is refused when it has %s', async (_what, rest, error) => {
    expect(await refused(rest)).toContain(error);
    expect(endpoint.instances()).toEqual([]);
  });

  it('is what its instances and volumes have', async () => {
    const { subnets, defaultGroup, debian } = endpoint.fixtures();
    const [id = ''] = await launch({
      ImageId: debian,
      UserData: Buffer.from('#cloud-config').toString('base64'),
      NetworkInterfaces: [
        { DeviceIndex: 0, SubnetId: subnets[0], Groups: [defaultGroup], AssociatePublicIpAddress: false },
      ],
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 20, VolumeType: 'io2', Encrypted: true } },
        { DeviceName: '/dev/xvdf', Ebs: { VolumeSize: 1, DeleteOnTermination: false } },
      ],
      TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'me' }] }],
    });
    expect(endpoint.instances()).toMatchObject([
      { id, userData: Buffer.from('#cloud-config'), publicAddress: null, groupIds: [defaultGroup], tags: {} },
    ]);
    const volumes = async (): Promise<readonly string[]> => {
      const { Volumes = [] } = await client.send(
        new DescribeVolumesCommand({ Filters: [{ Name: 'tag:of', Values: ['me'] }] }),
      );
      return Volumes.map(({ Size, VolumeType, Encrypted, State, Attachments = [] }) =>
        `${Size ?? ''} ${VolumeType ?? ''} ${Encrypted === true ? 'encrypted' : 'plain'} ${State ?? ''} ${Attachments[0]?.Device ?? ''}`.trim(),
      );
    };
    expect(await volumes()).toEqual(['20 io2 encrypted in-use /dev/xvda', '1 gp2 plain in-use /dev/xvdf']);
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(await volumes()).toEqual(['1 gp2 plain available']);
    expect(endpoint.volumes()).toMatchObject([
      { device: '/dev/xvdf', state: 'available', tags: { of: 'me' } },
    ]);
  });
});
