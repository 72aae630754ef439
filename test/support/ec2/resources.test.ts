import { generateKeyPairSync } from 'node:crypto';
import type {
  DescribeImagesCommandInput,
  DescribeKeyPairsCommandInput,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateTagsCommand,
  DeleteKeyPairCommand,
  DeleteSecurityGroupCommand,
  DeleteTagsCommand,
  DeleteVolumeCommand,
  DescribeAccountAttributesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeKeyPairsCommand,
  DescribePlacementGroupsCommand,
  DescribeRegionsCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  ImportKeyPairCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { Ec2Endpoint } from './endpoint.ts';
import { errorOf, launchOf, onEndpoint } from './trial.ts';

let endpoint: Ec2Endpoint;
let client: EC2Client;

onEndpoint((cloud) => ({ endpoint, client } = cloud));

async function launch(rest: Parameters<typeof launchOf>[1] = {}): Promise<string> {
  const { Instances = [] } = await client.send(new RunInstancesCommand(launchOf(endpoint, rest)));
  return Instances[0]?.InstanceId ?? '';
}

function blob(...parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const data = Buffer.from(part);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(data.length);
      return [length, data];
    }),
  );
}

const ED25519 = `ssh-ed25519 ${blob('ssh-ed25519', Buffer.alloc(32, 1)).toString('base64')} me`;

function rsaLine(): string {
  const { n = '', e = '' } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
    format: 'jwk',
  });
  const modulus = Buffer.concat([Buffer.alloc(1), Buffer.from(n, 'base64url')]);
  return `ssh-rsa ${blob('ssh-rsa', Buffer.from(e, 'base64url'), modulus).toString('base64')}`;
}

describe('key pairs', () => {
  const bring = (KeyName: string, line: string): Promise<{ readonly KeyPairId?: string | undefined }> =>
    client.send(
      new ImportKeyPairCommand({
        KeyName,
        PublicKeyMaterial: Buffer.from(`${line}\n`),
        TagSpecifications: [{ ResourceType: 'key-pair', Tags: [{ Key: 'of', Value: KeyName }] }],
      }),
    );

  it('are imported, described and deleted', async () => {
    const { KeyPairId } = await bring('one', ED25519);
    await bring('two', rsaLine());
    const describeKeys = async (input: DescribeKeyPairsCommandInput): Promise<unknown> =>
      ((await client.send(new DescribeKeyPairsCommand(input))).KeyPairs ?? []).map(
        ({ KeyName, KeyType, PublicKey }) => [KeyName, KeyType, PublicKey],
      );
    expect(await describeKeys({})).toEqual([
      ['one', 'ed25519', undefined],
      ['two', 'rsa', undefined],
    ]);
    expect(await describeKeys({ KeyNames: ['one'], IncludePublicKey: true })).toEqual([
      ['one', 'ed25519', ED25519],
    ]);
    expect(await describeKeys({ Filters: [{ Name: 'tag:of', Values: ['t*'] }] })).toEqual([
      ['two', 'rsa', undefined],
    ]);
    const { KeyPairs } = await client.send(new DescribeKeyPairsCommand({ KeyNames: ['two'] }));
    expect(KeyPairs?.[0]?.KeyFingerprint).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    expect(endpoint.keyPairs().map(({ name, tags }) => [name, tags])).toEqual([
      ['one', { of: 'one' }],
      ['two', { of: 'two' }],
    ]);
    await client.send(new DeleteKeyPairCommand({ KeyPairId }));
    await client.send(new DeleteKeyPairCommand({ KeyName: 'two' }));
    await client.send(new DeleteKeyPairCommand({ KeyName: 'two' }));
    expect(endpoint.keyPairs()).toEqual([]);
    expect(await errorOf(describeKeys({ KeyNames: ['one'] }))).toBe(
      "InvalidKeyPair.NotFound (400): The key pair 'one' does not exist",
    );
    expect(await errorOf(describeKeys({ KeyPairIds: [KeyPairId ?? ''] }))).toContain(
      'InvalidKeyPair.NotFound',
    );
  });

  it('have names of their own, and keys of RSA or Ed25519', async () => {
    await bring('one', ED25519);
    expect(await errorOf(bring('one', ED25519))).toBe(
      "InvalidKeyPair.Duplicate (400): The keypair 'one' already exists.",
    );
    const ecdsa = `ecdsa-sha2-nistp256 ${blob('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4)).toString('base64')}`;
    for (const line of ['nonsense', 'ssh-ed25519 AAAA', ecdsa]) {
      expect(await errorOf(bring('bad', line))).toBe(
        'InvalidKey.Format (400): Key is not in valid OpenSSH public key format',
      );
    }
  });
});

describe('security groups', () => {
  const create = async (GroupName: string): Promise<string> => {
    const { GroupId = '' } = await client.send(
      new CreateSecurityGroupCommand({
        GroupName,
        Description: 'of a test',
        VpcId: endpoint.fixtures().vpc,
        TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: 'a', Value: 'b' }] }],
      }),
    );
    return GroupId;
  };
  const remove = (GroupId: string): Promise<unknown> =>
    client.send(new DeleteSecurityGroupCommand({ GroupId }));

  it('are made, admit, are described and deleted', async () => {
    const GroupId = await create('mine');
    const ssh = {
      IpProtocol: 'tcp',
      FromPort: 22,
      ToPort: 22,
      IpRanges: [{ CidrIp: '192.0.2.1/32', Description: 'me' }],
    };
    const within = { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] };
    const v6 = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, Ipv6Ranges: [{ CidrIpv6: '2001:db8::/64' }] };
    const allow = (...IpPermissions: readonly object[]): Promise<unknown> =>
      client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [...IpPermissions] }));
    await allow(ssh, within, v6);
    await client.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId,
        IpProtocol: 'udp',
        FromPort: 1,
        ToPort: 2,
        CidrIp: '0.0.0.0/0',
      }),
    );
    expect(await errorOf(allow({ ...ssh, FromPort: 23, ToPort: 23 }, ssh))).toBe(
      'InvalidPermission.Duplicate (400): the specified rule "peer: 192.0.2.1/32, TCP, from port: 22, to port: 22, ALLOW" already exists',
    );
    const { SecurityGroups = [] } = await client.send(
      new DescribeSecurityGroupsCommand({
        Filters: [
          { Name: 'group-name', Values: ['mine'] },
          { Name: 'tag:a', Values: ['b'] },
        ],
      }),
    );
    expect(SecurityGroups).toMatchObject([
      {
        GroupId,
        GroupName: 'mine',
        Description: 'of a test',
        VpcId: endpoint.fixtures().vpc,
        Tags: [{ Key: 'a', Value: 'b' }],
        IpPermissions: [
          {
            IpProtocol: 'tcp',
            FromPort: 22,
            ToPort: 22,
            IpRanges: [{ CidrIp: '192.0.2.1/32', Description: 'me' }],
            Ipv6Ranges: [{ CidrIpv6: '2001:db8::/64' }],
          },
          { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] },
          { IpProtocol: 'udp', IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
        ],
      },
    ]);
    expect(endpoint.securityGroups().map(({ name, ingress }) => [name, ingress.length])).toEqual([
      ['mine', 4],
    ]);
    await remove(GroupId);
    expect(endpoint.securityGroups()).toEqual([]);
    expect(await errorOf(remove(GroupId))).toContain('InvalidGroup.NotFound');
  });

  it.each([
    [
      { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '192.0.2/32' }] },
      'CIDR block 192.0.2/32 is malformed',
    ],
    [
      { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '192.0.2.1/33' }] },
      'CIDR block 192.0.2.1/33 is malformed',
    ],
    [{ IpProtocol: 'carrier-pigeon', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }, 'Unknown protocol'],
    [{ IpProtocol: 'tcp', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }, 'Must specify both from and to ports'],
    [
      { IpProtocol: 'tcp', FromPort: 2, ToPort: 1, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
      'Invalid TCP/UDP port range',
    ],
    [{ IpProtocol: '-1' }, 'MissingParameter'],
    [{ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: 'sg-00000000000000001' }] }, 'InvalidGroup.NotFound'],
  ])('admit nothing when a rule is %j', async (permission, error) => {
    const GroupId = await create('mine');
    const call = client.send(
      new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [permission] }),
    );
    expect(await errorOf(call)).toContain(error);
    expect(endpoint.securityGroups()[0]?.ingress).toEqual([]);
  });

  it('have names of their own', async () => {
    await create('mine');
    expect(await errorOf(create('mine'))).toBe(
      `InvalidGroup.Duplicate (400): The security group 'mine' already exists for VPC '${endpoint.fixtures().vpc}'`,
    );
    expect(await errorOf(create('sg-mine'))).toContain('InvalidParameterValue');
    const call = (rest: object): Promise<unknown> =>
      client.send(new CreateSecurityGroupCommand({ GroupName: 'other', Description: 'x', ...rest }));
    expect(await errorOf(call({ VpcId: 'vpc-00000000000000001' }))).toContain('InvalidVpcID.NotFound');
    expect(await errorOf(call({ Description: 'ünlautig' }))).toContain('InvalidParameterValue');
    expect(await errorOf(call({ Description: '' }))).toContain('MissingParameter');
  });

  it('stay while an instance that is not terminated, or another group, depends on them', async () => {
    endpoint.settings.endTime = 60_000;
    const used = await create('used');
    const named = await create('named');
    const IpPermissions = [{ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: named }] }];
    await client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: used, IpPermissions }));
    const id = await launch({ SecurityGroupIds: [used] });
    const violation = `DependencyViolation (400): resource ${used} has a dependent object`;
    expect(await errorOf(remove(used))).toBe(violation);
    expect(await errorOf(remove(named))).toContain('DependencyViolation');
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(await errorOf(remove(used))).toBe(violation);
    endpoint.end(id);
    await remove(used);
    await remove(named);
    expect(await errorOf(remove(endpoint.fixtures().defaultGroup))).toContain('CannotDelete');
    await create('by-name');
    await client.send(new DeleteSecurityGroupCommand({ GroupName: 'by-name' }));
    expect(
      await errorOf(client.send(new DescribeSecurityGroupsCommand({ GroupNames: ['by-name'] }))),
    ).toContain('InvalidGroup.NotFound');
    expect((await client.send(new DescribeSecurityGroupsCommand({}))).SecurityGroups).toHaveLength(1);
  });
});

describe('tags', () => {
  it('are set and taken away from all resources of a call, or none', async () => {
    const id = await launch();
    const [volume = ''] = endpoint.instances()[0]?.volumeIds ?? [];
    const Resources = [id, volume, endpoint.fixtures().subnets[0], endpoint.fixtures().vpc];
    const tags = (): unknown => [endpoint.instances()[0]?.tags, endpoint.volumes()[0]?.tags];
    const create = (Tags: readonly object[], more: readonly string[] = []): Promise<unknown> =>
      client.send(new CreateTagsCommand({ Resources: [...Resources, ...more], Tags: [...Tags] }));
    const remove = (Tags?: readonly { readonly Key: string; readonly Value?: string }[]): Promise<unknown> =>
      client.send(new DeleteTagsCommand({ Resources, ...(Tags === undefined ? {} : { Tags: [...Tags] }) }));
    await create([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: '2' },
      { Key: 'c', Value: '' },
    ]);
    await create([{ Key: 'a', Value: '3' }]);
    expect(tags()).toEqual([
      { a: '3', b: '2', c: '' },
      { a: '3', b: '2', c: '' },
    ]);
    await remove([{ Key: 'a', Value: 'other' }, { Key: 'b' }, { Key: 'none' }]);
    expect(tags()).toEqual([
      { a: '3', c: '' },
      { a: '3', c: '' },
    ]);
    expect(await errorOf(create([{ Key: 'x' }], ['vol-00000000000000001']))).toContain(
      'InvalidVolume.NotFound',
    );
    expect(await errorOf(create([{ Key: 'x' }], ['eip-1']))).toBe(
      "InvalidID (400): The ID 'eip-1' is not valid",
    );
    expect(await errorOf(create([{ Key: 'x' }], ['i-00000000000000001']))).toContain(
      'InvalidInstanceID.NotFound',
    );
    expect(await errorOf(create([{ Key: 'x'.repeat(128) }]))).toContain('InvalidParameterValue');
    expect(await errorOf(create([{ Key: 'x', Value: 'x'.repeat(257) }]))).toContain('InvalidParameterValue');
    expect(await errorOf(create(Array.from({ length: 49 }, (_, i) => ({ Key: `k${i}` }))))).toContain(
      'InvalidParameterValue',
    );
    expect(await errorOf(create([]))).toContain('MissingParameter');
    const { Tags = [] } = await client.send(
      new DescribeTagsCommand({
        Filters: [
          { Name: 'resource-type', Values: ['instance', 'volume'] },
          { Name: 'key', Values: ['a'] },
        ],
      }),
    );
    expect(Tags.map(({ ResourceId, Value }) => [ResourceId, Value])).toEqual([
      [id, '3'],
      [volume, '3'],
    ]);
    await remove();
    expect(tags()).toEqual([{}, {}]);
  });
});

describe('volumes', () => {
  it('are described and deleted when nothing has them', async () => {
    const id = await launch({
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: false } }],
    });
    const of = async (Name: string, value: string): Promise<readonly string[]> => {
      const input = { Filters: [{ Name, Values: [value] }] };
      const { Volumes = [] } = await client.send(new DescribeVolumesCommand(input));
      return Volumes.map(({ VolumeId = '' }) => VolumeId);
    };
    const [root = '', other = ''] = await of('attachment.instance-id', id);
    expect(await errorOf(client.send(new DeleteVolumeCommand({ VolumeId: other })))).toBe(
      `VolumeInUse (400): Volume ${other} is currently attached to ${id}`,
    );
    await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(await of('status', 'available')).toEqual([other]);
    expect(await of('attachment.instance-id', id)).toEqual([]);
    await client.send(new DeleteVolumeCommand({ VolumeId: other }));
    expect(endpoint.volumes()).toEqual([]);
    expect(await errorOf(client.send(new DescribeVolumesCommand({ VolumeIds: [root] })))).toBe(
      `InvalidVolume.NotFound (400): The volume '${root}' does not exist.`,
    );
  });
});

describe('what there is to choose from', () => {
  it('has images, by id, owner and name', async () => {
    const { ubuntu, olderUbuntu, ubuntuArm, instanceStore, debian } = endpoint.fixtures();
    const find = async (input: DescribeImagesCommandInput): Promise<readonly unknown[]> =>
      ((await client.send(new DescribeImagesCommand(input))).Images ?? []).map(({ ImageId }) => ImageId);
    const named = (Values: string): object => ({ Filters: [{ Name: 'name', Values: [Values] }] });
    expect(await find({ ImageIds: [debian] })).toEqual([debian]);
    expect(await find({ Owners: ['099720109477'] })).toEqual([olderUbuntu, ubuntu, ubuntuArm, instanceStore]);
    expect(await find({ Owners: ['099720109477'], ...named('*/hvm-ssd-gp3/*noble*-amd64-*') })).toEqual([
      olderUbuntu,
      ubuntu,
    ]);
    expect(await find({ Owners: ['self'] })).toEqual([]);
    expect(await find({ Owners: ['amazon'] })).toEqual([endpoint.fixtures().amazonLinux]);
    const { Images } = await client.send(new DescribeImagesCommand({ ImageIds: [ubuntu] }));
    expect(Images?.[0]).toMatchObject({
      OwnerId: '099720109477',
      CreationDate: '2025-08-05T04:58:12.000Z',
      Architecture: 'x86_64',
      RootDeviceName: '/dev/sda1',
      RootDeviceType: 'ebs',
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { VolumeSize: 8 } }],
    });
    const page = await client.send(new DescribeImagesCommand({ MaxResults: 4 }));
    expect(page.Images).toHaveLength(4);
    expect(await find({ MaxResults: 4, NextToken: page.NextToken })).toHaveLength(2);
    expect(await errorOf(find({ ImageIds: ['ami-00000000000000001', 'ami-00000000000000002'] }))).toBe(
      "InvalidAMIID.NotFound (400): The image ids '[ami-00000000000000001, ami-00000000000000002]' do not exist",
    );
    expect(await errorOf(find({ ImageIds: ['ubuntu'] }))).toContain('InvalidAMIID.Malformed');
  });

  it('has a default VPC with a subnet in each of two zones', async () => {
    const { vpc, subnets, zones } = endpoint.fixtures();
    const { Subnets = [] } = await client.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpc] }] }),
    );
    expect(
      Subnets.map(({ SubnetId, AvailabilityZone, AvailabilityZoneId }) => [
        SubnetId,
        AvailabilityZone,
        AvailabilityZoneId,
      ]),
    ).toEqual([
      [subnets[0], zones[0], 'use1-az1'],
      [subnets[1], zones[1], 'use1-az2'],
    ]);
    const { Vpcs = [] } = await client.send(
      new DescribeVpcsCommand({ Filters: [{ Name: 'is-default', Values: ['true'] }] }),
    );
    expect(Vpcs.map(({ VpcId, IsDefault }) => [VpcId, IsDefault])).toEqual([[vpc, true]]);
    const { AvailabilityZones = [] } = await client.send(new DescribeAvailabilityZonesCommand({}));
    expect(AvailabilityZones.map(({ ZoneName }) => ZoneName)).toEqual(zones);
    const unknown = 'vpc-00000000000000001';
    expect(await errorOf(client.send(new DescribeVpcsCommand({ VpcIds: [unknown] })))).toContain(
      'InvalidVpcID.NotFound',
    );
    expect(await errorOf(client.send(new DescribeAvailabilityZonesCommand({ ZoneNames: ['x'] })))).toContain(
      'InvalidParameterValue',
    );
  });

  it('has instance types, offered where they are not refused as unsupported', async () => {
    const { zones } = endpoint.fixtures();
    const { InstanceTypes } = await client.send(
      new DescribeInstanceTypesCommand({ InstanceTypes: ['c5.4xlarge'] }),
    );
    expect(InstanceTypes).toMatchObject([
      {
        InstanceType: 'c5.4xlarge',
        VCpuInfo: { DefaultVCpus: 16 },
        MemoryInfo: { SizeInMiB: 32_768 },
        ProcessorInfo: { SupportedArchitectures: ['x86_64'] },
      },
    ]);
    expect(
      await errorOf(client.send(new DescribeInstanceTypesCommand({ InstanceTypes: ['x9.huge' as never] }))),
    ).toBe('InvalidInstanceType (400): The following supplied instance types do not exist: [x9.huge]');
    const offered = async (LocationType?: 'availability-zone'): Promise<readonly unknown[]> => {
      const input = { Filters: [{ Name: 'instance-type', Values: ['m5.large'] }] };
      const { InstanceTypeOfferings = [] } = await client.send(
        new DescribeInstanceTypeOfferingsCommand(
          LocationType === undefined ? input : { ...input, LocationType },
        ),
      );
      return InstanceTypeOfferings.map(({ Location }) => Location);
    };
    expect(await offered()).toEqual(['us-east-1']);
    expect(await offered('availability-zone')).toEqual(zones);
    endpoint.refuse({ code: 'Unsupported', instanceType: 'm5.large', zone: zones[0] });
    expect(await offered('availability-zone')).toEqual([zones[1]]);
    const page = await client.send(new DescribeInstanceTypesCommand({ MaxResults: 5 }));
    expect(page.NextToken).toBeDefined();
  });

  it('has regions, placement groups and attributes of the account', async () => {
    const { Regions = [] } = await client.send(new DescribeRegionsCommand({}));
    expect(Regions.map(({ RegionName }) => RegionName)).toEqual(['us-east-1', 'us-west-2', 'eu-central-1']);
    expect(await errorOf(client.send(new DescribeRegionsCommand({ RegionNames: ['mars'] })))).toContain(
      'InvalidParameterValue',
    );
    const groups = (
      GroupNames: readonly string[],
    ): Promise<{ readonly PlacementGroups?: readonly unknown[] | undefined }> =>
      client.send(new DescribePlacementGroupsCommand({ GroupNames: [...GroupNames] }));
    expect((await groups(['close-together'])).PlacementGroups).toHaveLength(1);
    expect(await errorOf(groups(['far']))).toContain('InvalidPlacementGroup.Unknown');
    const { AccountAttributes = [] } = await client.send(
      new DescribeAccountAttributesCommand({ AttributeNames: ['default-vpc'] }),
    );
    expect(AccountAttributes).toEqual([
      { AttributeName: 'default-vpc', AttributeValues: [{ AttributeValue: endpoint.fixtures().vpc }] },
    ]);
    const wrong = new DescribeAccountAttributesCommand({ AttributeNames: ['shoe-size' as never] });
    expect(await errorOf(client.send(wrong))).toContain('InvalidParameterValue');
  });
});
