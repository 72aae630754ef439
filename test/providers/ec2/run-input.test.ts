import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/json.ts';
import type { Ec2Image, RunInput } from '../../../src/providers/ec2/api.ts';
import { readOptions } from '../../../src/providers/ec2/options.ts';
import { batchInput, runInput } from '../../../src/providers/ec2/run-input.ts';
import { requestOf, TAGS } from './launch-request.ts';

const UBUNTU: Ec2Image = {
  id: 'ami-0123456789abcdef0',
  name: 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250805',
  ownerId: '099720109477',
  state: 'available',
  architecture: 'x86_64',
  rootDeviceName: '/dev/sda1',
  rootDeviceType: 'ebs',
  platform: null,
  createdAt: 1,
};

interface Trial {
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: Partial<Ec2Image>;
  readonly subnetId?: string;
  readonly userData?: string;
  readonly expiresAt?: number;
}

function run(options: Readonly<Record<string, Json>>, trial: Trial = {}): ReturnType<typeof runInput> {
  const { labels = {}, image = {}, subnetId = null, userData = null, expiresAt } = trial;
  const request = { ...requestOf({ options, labels }), ...(expiresAt !== undefined && { expiresAt }) };
  const read = readOptions(request);
  if (read.kind === 'problem') return expect.fail(read.message);
  return runInput({
    request,
    options: read.options,
    image: { ...UBUNTU, ...image },
    alternative: { instanceType: 't3.micro', subnetId },
    keyName: 'key',
    groupIds: ['sg-1'],
    userData: userData === null ? null : Buffer.from(userData),
  });
}

function inputOf(options: Readonly<Record<string, Json>>, trial?: Trial): RunInput {
  const answer = run(options, trial);
  return answer.kind === 'input' ? answer.input : expect.fail(answer.message);
}

function problemOf(options: Readonly<Record<string, Json>>, trial?: Trial): string {
  const answer = run(options, trial);
  return answer.kind === 'problem' ? `${answer.message}\n${answer.hint}` : expect.fail('it was made');
}

function tagsOf(input: RunInput, type = 'instance'): Readonly<Record<string, string>> | undefined {
  const lists = input['TagSpecifications'] as readonly {
    readonly ResourceType: string;
    readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
  }[];
  const found = lists.find(({ ResourceType }) => ResourceType === type);
  return found && Object.fromEntries(found.Tags.map(({ Key, Value }) => [Key, Value]));
}

const OUR_TAGS = {
  'plan:deployment': 'shop',
  'plan:uuid': TAGS.uuid,
  'plan:owner': 'ann@desk',
  'plan:state': '0123456789abcdef',
  'plan:service': 'web',
  'plan:user': 'ubuntu',
  Name: 'shop web',
};

describe('runInput()', () => {
  it('has a machine that shuts down when its time is over terminated, and no other one', () => {
    expect(inputOf({}, { expiresAt: 1 })['InstanceInitiatedShutdownBehavior']).toBe('terminate');
    expect(inputOf({})).not.toHaveProperty('InstanceInitiatedShutdownBehavior');
  });

  it('asks for tokens, and has the root volume go with its machine', () => {
    const { TagSpecifications, ...others } = inputOf({});
    expect(others).toEqual({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 't3.micro',
      KeyName: 'key',
      SecurityGroupIds: ['sg-1'],
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { DeleteOnTermination: true } }],
      MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', InstanceMetadataTags: 'disabled' },
    });
    expect(TagSpecifications).toHaveLength(2);
  });

  it('says all that the options say', () => {
    const input = inputOf(
      {
        iamInstanceProfile: 'web',
        rootVolume: { sizeGiB: 20, type: 'gp3', encrypted: false },
        spot: { maxPrice: '0.05' },
        metadata: { httpTokens: 'optional', httpPutResponseHopLimit: 2 },
        tenancy: 'dedicated',
        placementGroup: 'near',
      },
      { subnetId: 'subnet-1', userData: '#!/bin/sh\n' },
    );
    expect(input).toMatchObject({
      SubnetId: 'subnet-1',
      IamInstanceProfile: { Name: 'web' },
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/sda1',
          Ebs: { DeleteOnTermination: true, VolumeSize: 20, VolumeType: 'gp3', Encrypted: false },
        },
      ],
      InstanceMarketOptions: {
        MarketType: 'spot',
        SpotOptions: {
          SpotInstanceType: 'one-time',
          InstanceInterruptionBehavior: 'terminate',
          MaxPrice: '0.05',
        },
      },
      MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 2 },
      Placement: { Tenancy: 'dedicated', GroupName: 'near' },
      UserData: 'IyEvYmluL3NoCg==',
    });
    expect(tagsOf(input, 'spot-instances-request')).toEqual(OUR_TAGS);
  });

  it('leaves price, tenancy and group out where they are not said', () => {
    expect(inputOf({ spot: true })['InstanceMarketOptions']).not.toHaveProperty('SpotOptions.MaxPrice');
    expect(inputOf({ placementGroup: 'near' })['Placement']).toEqual({ GroupName: 'near' });
    expect(inputOf({ tenancy: 'host' })['Placement']).toEqual({ Tenancy: 'host' });
  });

  it('takes an instance profile by its ARN', () => {
    const arn = 'arn:aws:iam::123456789012:instance-profile/web';
    expect(inputOf({ iamInstanceProfile: arn })['IamInstanceProfile']).toEqual({ Arn: arn });
  });

  it('asks for a public address, or none, at the interface, with subnet and groups', () => {
    const input = inputOf({ associatePublicIp: false }, { subnetId: 'subnet-1' });
    expect(input).not.toHaveProperty('SubnetId');
    expect(input).not.toHaveProperty('SecurityGroupIds');
    expect(input['NetworkInterfaces']).toEqual([
      {
        DeviceIndex: 0,
        AssociatePublicIpAddress: false,
        DeleteOnTermination: true,
        SubnetId: 'subnet-1',
        Groups: ['sg-1'],
      },
    ]);
    expect(inputOf({ associatePublicIp: true })['NetworkInterfaces']).toEqual([
      { DeviceIndex: 0, AssociatePublicIpAddress: true, DeleteOnTermination: true, Groups: ['sg-1'] },
    ]);
  });

  it('maps no volume where the root is on the host itself', () => {
    const image = { rootDeviceType: 'instance-store' } as const;
    expect(inputOf({}, { image })).not.toHaveProperty('BlockDeviceMappings');
    expect(problemOf({ rootVolume: { sizeGiB: 20 } }, { image })).toBe(
      'Cannot use ec2.rootVolume: image "ami-0123456789abcdef0" has its root on the host\'s own disk\n' +
        'Leave rootVolume out, or use an image whose root device is a volume (ebs).',
    );
  });

  it('tags machines and volumes alike, with plan winning over tags, and labels over tags', () => {
    const labels = { team: 'red', tier: 'front', Name: 'mine' };
    const input = inputOf({ tags: { team: 'blue' } }, { labels });
    expect(tagsOf(input)).toEqual({ ...OUR_TAGS, team: 'red', tier: 'front' });
    expect(tagsOf(input, 'volume')).toEqual(tagsOf(input));
    expect(tagsOf(input, 'spot-instances-request')).toBeUndefined();
  });

  it.each([
    [
      {},
      { 'plan:uuid': 'x' },
      'Cannot use labels.plan:uuid: tags that begin with "plan:" are taken\nA tag\'s name',
    ],
    [{ tags: { 'AWS:x': 'x' } }, {}, 'Cannot use ec2.tags.AWS:x: tags that begin with "AWS:" are taken'],
    [{ tags: { ['k'.repeat(129)]: 'x' } }, {}, 'the name of a tag has 1 to 128 characters'],
    [{}, { '': 'x' }, 'the name of a tag has 1 to 128 characters'],
    [{}, { k: '💥'.repeat(257) }, 'Cannot use labels.k: the value of a tag has at most 256 characters'],
  ])('refuses tags %j and labels %j', (options, labels, message) => {
    expect(problemOf(options, { labels })).toContain(message);
  });

  it('has 50 tags at most, the batch’s included', () => {
    const labels = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`label-${i}`, '💥'.repeat(256)]));
    const batch = { token: 'token', machines: [{ name: 'web-0', generation: 1 }], min: 1 };
    const input = batchInput(inputOf({}, { labels: labels(42) }), batch);
    expect(Object.keys(tagsOf(input) ?? {})).toHaveLength(50);
    expect(problemOf({}, { labels: labels(43) })).toBe(
      'Cannot tag machines of service "web": they would have 51 tags, and EC2 takes 50\n' +
        'Leave out some of its labels or ec2.tags.',
    );
  });

  it('is JSON', () => {
    const option = fc.option(fc.boolean(), { nil: null });
    fc.assert(
      fc.property(option, option, option, (associatePublicIp, spot, encrypted) => {
        const input = inputOf({ associatePublicIp, spot, rootVolume: { encrypted } });
        expect(JSON.parse(JSON.stringify(input))).toEqual(input);
      }),
    );
  });
});

describe('batchInput()', () => {
  const machine = (index: number) => ({ name: `web-${index}`, generation: 1 });

  it('adds numbers, token and tag', () => {
    const input = inputOf({});
    const batch = { token: 'token', machines: [machine(0), machine(1), machine(2)], min: 2 };
    const complete = batchInput(input, batch);
    expect(complete).toMatchObject({ ...input, TagSpecifications: [{}, {}], MinCount: 2, MaxCount: 3 });
    expect(complete['ClientToken']).toBe('token');
    expect(tagsOf(complete, 'volume')).toEqual({ ...OUR_TAGS, 'plan:batch': 'token' });
    expect(batchInput(input, batch)).toEqual(complete);
  });

  it('names the only machine of a batch', () => {
    const complete = batchInput(inputOf({}), { token: 'token', machines: [machine(7)], min: 1 });
    expect(tagsOf(complete)).toEqual({ ...OUR_TAGS, 'plan:batch': 'token', Name: 'web-7' });
  });

  it('tags nothing where there are no tags', () => {
    expect(batchInput({}, { token: 'token', machines: [machine(7)], min: 1 })).toEqual({
      TagSpecifications: [],
      MinCount: 1,
      MaxCount: 1,
      ClientToken: 'token',
    });
  });
});
