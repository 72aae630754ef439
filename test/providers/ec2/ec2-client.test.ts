import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ec2Api, Ec2Instance, RunInput } from '../../../src/providers/ec2/api.ts';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import type { Ec2Config } from '../../../src/providers/ec2/config.ts';
import { openEc2Api } from '../../../src/providers/ec2/ec2-client.ts';
import { systemClock } from '../../../src/clock.ts';
import type { Ec2Endpoint } from '../../support/ec2/endpoint.ts';
import { startEc2Endpoint } from '../../support/ec2/endpoint.ts';
import type { Limits } from '../../support/ec2/throttle.ts';
import { AWS_LIMITS } from '../../support/ec2/throttle.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7c9t0N7U1Wm2Jm3nqTj0u2dG0yqv0m0n0m0r0yqv0m';
const cancel = { signal: new AbortController().signal };

let endpoint: Ec2Endpoint;
let api: Ec2Api;

function configOf({ url, credentials, region }: Ec2Endpoint, rest: Partial<Ec2Config> = {}): Ec2Config {
  return {
    name: 'west',
    region,
    endpoint: url,
    profile: null,
    credentials: { ...credentials, sessionToken: credentials.sessionToken ?? null },
    pollInterval: 1_000,
    sshFrom: [],
    ...rest,
  };
}

beforeEach(async () => {
  endpoint = await startEc2Endpoint();
  api = await openEc2Api(configOf(endpoint));
});

afterEach(async () => {
  api.close();
  await endpoint[Symbol.asyncDispose]();
});

function inputOf(rest: RunInput = {}): RunInput {
  return {
    ImageId: endpoint.fixtures().ubuntu,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    ...rest,
  };
}

async function launch(count: number, rest: RunInput = {}): Promise<readonly string[]> {
  const launched = await api.runInstances(inputOf({ MinCount: count, MaxCount: count, ...rest }), cancel);
  return [...launched].sort((one, other) => one.launchIndex - other.launchIndex).map(({ id }) => id);
}

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Ec2Error) return `${error.call} ${error.code}`;
    throw error;
  }
  return expect.fail('It succeeded');
}

function statesOf(instances: readonly Ec2Instance[]): readonly string[] {
  return instances.map(({ state }) => state);
}

describe('instances', () => {
  it('are launched once for a token and told with all that EC2 tells of them', async () => {
    const input = inputOf({
      ClientToken: 'batch-1',
      MinCount: 1,
      MaxCount: 2,
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'plan:service', Value: 'web' }] }],
    });
    const launched = await api.runInstances(input, cancel);
    const again = await api.runInstances(input, cancel);
    expect(again.map(({ id }) => id).sort()).toEqual(launched.map(({ id }) => id).sort());
    expect(launched.map(({ launchIndex }) => launchIndex).sort()).toEqual([0, 1]);
    const [instance] = await api.describeInstances([launched[0]?.id ?? ''], cancel);
    const view = endpoint.instances().find(({ id }) => id === instance?.id);
    expect(instance).toEqual({
      id: view?.id,
      state: 'running',
      reason: null,
      privateIp: view?.privateAddress,
      publicIp: view?.publicAddress,
      privateDnsName: expect.any(String) as string,
      type: 't3.micro',
      imageId: endpoint.fixtures().ubuntu,
      keyName: null,
      zone: view?.zone,
      account: '123456789012',
      clientToken: 'batch-1',
      launchIndex: launched[0]?.launchIndex,
      launchedAt: expect.closeTo(view?.launchedAt ?? 0, -4) as number,
      tags: { 'plan:service': 'web' },
    });
    expect(api.calls).toEqual(
      new Map([
        ['RunInstances', 2],
        ['DescribeInstances', 1],
      ]),
    );
    expect(api.region).toBe(endpoint.region);
  });

  it('are stopped, started, rebooted and terminated', async () => {
    const ids = await launch(2);
    const states = async (): Promise<readonly string[]> => statesOf(await api.describeInstances(ids, cancel));
    await api.stopInstances(ids, cancel);
    expect(await states()).toEqual(['stopped', 'stopped']);
    await api.startInstances(ids, cancel);
    await api.rebootInstances(ids, cancel);
    expect(await states()).toEqual(['running', 'running']);
    await api.terminateInstances(ids, cancel);
    const [gone] = await api.describeInstances(ids, cancel);
    expect(gone).toMatchObject({
      state: 'terminated',
      reason: 'Client.UserInitiatedShutdown: User initiated shutdown',
      publicIp: null,
      privateIp: null,
    });
    await api.terminateInstances(ids, cancel);
  });

  it('are described a thousand at once, and found page by page', async () => {
    const ids = [...(await launch(1_000)), ...(await launch(100))];
    const described = await api.describeInstances(ids.slice(0, 1_000), cancel);
    expect(described.map(({ id }) => id).sort()).toEqual(ids.slice(0, 1_000).sort());
    expect(api.calls.get('DescribeInstances')).toBe(1);
    const found = await api.findInstances({ 'instance-state-name': ['running'] }, cancel);
    expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(api.calls.get('DescribeInstances')).toBe(3);
    const chosen = await api.findInstances({ 'instance-id': ids.slice(0, 450) }, cancel);
    expect(chosen).toHaveLength(450);
    expect(api.calls.get('DescribeInstances')).toBe(6);
  });

  it('that are missing are an error, and none are no call', async () => {
    expect(await refusal(api.describeInstances(['i-00000000000000000'], cancel))).toBe(
      'DescribeInstances InvalidInstanceID.NotFound',
    );
    expect(await api.describeInstances([], cancel)).toEqual([]);
    expect(await api.findInstances({ 'client-token': [] }, cancel)).toEqual([]);
    expect(api.calls.get('DescribeInstances')).toBe(1);
  });

  it('are found by tags that are set and taken away', async () => {
    const ids = await launch(2);
    await api.createTags(ids, { Name: 'web-0', role: 'web' }, cancel);
    await api.deleteTags(ids.slice(1), ['role'], cancel);
    const found = await api.findInstances({ 'tag:role': ['web'], 'tag:Name': ['web-*'] }, cancel);
    expect(found.map(({ id, tags }) => [id, tags])).toEqual([[ids[0], { Name: 'web-0', role: 'web' }]]);
  });

  it('may be tried without a launch', async () => {
    expect(await api.dryRunInstances(inputOf(), cancel)).toBeNull();
    const refused = await api.dryRunInstances(inputOf({ ImageId: 'ami-00000000000000000' }), cancel);
    expect(refused).toMatchObject({ call: 'RunInstances', code: 'InvalidAMIID.NotFound' });
    endpoint.deny(['RunInstances']);
    expect(await api.dryRunInstances(inputOf(), cancel)).toMatchObject({ code: 'UnauthorizedOperation' });
    expect(endpoint.instances()).toEqual([]);
    const closed = await openEc2Api(configOf(endpoint, { endpoint: 'http://127.0.0.1:9' }), {
      random: () => 0,
    });
    await expect(closed.dryRunInstances(inputOf(), cancel)).rejects.toThrow('Cannot ask EC2');
    closed.close();
  });

  it('are launched once though the answer is lost', async () => {
    endpoint.break('RunInstances', { how: 'drop-after-effect' });
    expect(await launch(3, { ClientToken: 'batch-1' })).toHaveLength(3);
    expect(endpoint.instances()).toHaveLength(3);
    expect(api.calls.get('RunInstances')).toBe(2);
  });
});

describe('images', () => {
  it('are described by id, and found newest first by owner and name', async () => {
    const { ubuntu, olderUbuntu } = endpoint.fixtures();
    const [image] = await api.describeImages({ kind: 'ids', ids: [ubuntu] }, cancel);
    expect(image).toMatchObject({
      id: ubuntu,
      ownerId: '099720109477',
      state: 'available',
      architecture: 'x86_64',
      rootDeviceName: '/dev/sda1',
      rootDeviceType: 'ebs',
      platform: null,
      createdAt: Date.parse('2025-08-05T04:58:12.000Z'),
    });
    const name = 'ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*';
    const found = await api.describeImages({ kind: 'newest', owner: '099720109477', name }, cancel);
    expect(found.map(({ id }) => id)).toEqual([ubuntu, olderUbuntu]);
  });

  it('that are missing are an error, and none are no call', async () => {
    const missing = { kind: 'ids', ids: ['ami-00000000000000000'] } as const;
    expect(await refusal(api.describeImages(missing, cancel))).toBe('DescribeImages InvalidAMIID.NotFound');
    expect(await api.describeImages({ kind: 'ids', ids: [] }, cancel)).toEqual([]);
    expect(api.calls.get('DescribeImages')).toBe(1);
  });
});

describe('networks', () => {
  it('are described', async () => {
    const { vpc, subnets, zones } = endpoint.fixtures();
    expect(await api.describeVpcs({ 'is-default': ['true'] }, cancel)).toEqual([
      { id: vpc, isDefault: true, account: '123456789012' },
    ]);
    const found = await api.describeSubnets({ 'vpc-id': [vpc] }, cancel);
    expect(found.map(({ id }) => id).sort()).toEqual([...subnets].sort());
    expect(found.find(({ id }) => id === subnets[0])).toMatchObject({
      vpcId: vpc,
      zone: zones[0],
      isDefaultForZone: true,
      freeAddresses: expect.any(Number) as number,
    });
  });

  it('have security groups that are made, admit, and are removed', async () => {
    const { vpc } = endpoint.fixtures();
    const group = {
      name: 'plan web',
      description: 'Made for a test',
      vpcId: vpc,
      tags: { 'plan:uuid': 'u-1' },
    };
    const id = await api.createSecurityGroup(group, cancel);
    expect(await refusal(api.createSecurityGroup({ ...group, vpcId: null }, cancel))).toBe(
      'CreateSecurityGroup InvalidGroup.Duplicate',
    );
    expect(await api.describeSecurityGroups({ 'tag:plan:uuid': ['u-1'] }, cancel)).toEqual([
      { id, name: 'plan web', vpcId: vpc, account: '123456789012', tags: { 'plan:uuid': 'u-1' } },
    ]);
    const ssh = { kind: 'tcp', port: 22, cidr: '192.0.2.1/32' } as const;
    const six = { kind: 'tcp', port: 22, cidr: '2001:db8::/64' } as const;
    const within = { kind: 'all-from-group', groupId: id } as const;
    await api.authorizeIngress(id, [ssh], cancel);
    await api.authorizeIngress(id, [ssh], cancel);
    await api.authorizeIngress(id, [ssh, six, within], cancel);
    await api.authorizeIngress(id, [], cancel);
    expect(endpoint.securityGroups()[0]?.ingress).toHaveLength(3);
    expect(await refusal(api.authorizeIngress('sg-00000000000000000', [ssh], cancel))).toBe(
      'AuthorizeSecurityGroupIngress InvalidGroup.NotFound',
    );
    await api.deleteSecurityGroup(id, cancel);
    expect(endpoint.securityGroups()).toEqual([]);
  });
});

describe('key pairs', () => {
  it('are imported, described and deleted', async () => {
    const pair = { name: 'plan-key', publicKey: KEY, tags: { 'plan:uuid': 'u-1' } };
    await api.importKeyPair(pair, cancel);
    expect(await refusal(api.importKeyPair({ ...pair, tags: {} }, cancel))).toBe(
      'ImportKeyPair InvalidKeyPair.Duplicate',
    );
    expect(await api.describeKeyPairs({ 'key-name': ['plan-key'] }, cancel)).toEqual([
      {
        id: expect.stringMatching(/^key-/) as string,
        name: 'plan-key',
        createdAt: expect.any(Number) as number,
        tags: { 'plan:uuid': 'u-1' },
      },
    ]);
    await api.deleteKeyPair('plan-key', cancel);
    await api.deleteKeyPair('plan-key', cancel);
    expect(endpoint.keyPairs()).toEqual([]);
  });
});

describe('volumes', () => {
  it('are described and deleted', async () => {
    const [instance = ''] = await launch(1, {
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { DeleteOnTermination: false } }],
      TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'plan:uuid', Value: 'u-1' }] }],
    });
    await api.terminateInstances([instance], cancel);
    const [volume] = await api.describeVolumes({ 'tag:plan:uuid': ['u-1'] }, cancel);
    expect(volume).toMatchObject({
      state: 'available',
      createdAt: expect.any(Number) as number,
      tags: { 'plan:uuid': 'u-1' },
    });
    await api.deleteVolume(volume?.id ?? '', cancel);
    expect(endpoint.volumes()).toEqual([]);
  });
});

describe('what there is to choose from', () => {
  it('is told of types, those that exist, and of the zones that offer them', async () => {
    const { zones, placementGroup } = endpoint.fixtures();
    expect(await api.describeInstanceTypes(['t3.micro', 't3.mirco'], cancel)).toEqual([
      { name: 't3.micro', vcpus: 2, architectures: ['x86_64'] },
    ]);
    expect(await api.describeInstanceTypes([], cancel)).toEqual([]);
    endpoint.refuse({ code: 'Unsupported', instanceType: 't3.micro', zone: zones[0] });
    const offered = await api.zonesOfTypes(['t3.micro', 't3.small'], cancel);
    expect(offered).toEqual(
      new Map([
        ['t3.micro', [zones[1]]],
        ['t3.small', [...zones].sort()],
      ]),
    );
    expect(await api.describePlacementGroups({ 'group-name': [placementGroup, 'none'] }, cancel)).toEqual([
      { name: placementGroup },
    ]);
  });

  it('is told of parameters, null where there is none', async () => {
    const { parameter, ubuntu } = endpoint.fixtures();
    expect(await api.parameter(parameter, cancel)).toBe(ubuntu);
    expect(await api.parameter('/no/such', cancel)).toBeNull();
    endpoint.deny(['GetParameter']);
    expect(await refusal(api.parameter(parameter, cancel))).toBe('GetParameter AccessDeniedException');
    expect(api.calls.get('GetParameter')).toBe(3);
  });

  it('is told of quotas, null where the API does not tell', async () => {
    endpoint.quota({ onDemand: 32 });
    expect((await api.quotas(cancel))?.get('L-1216C47A')).toBe(32);
    endpoint.deny(['ListServiceQuotas']);
    expect(await api.quotas(cancel)).toBeNull();
    endpoint.deny([]);
    endpoint.break('ListServiceQuotas', { how: 'drop-before', times: 9 });
    expect(await api.quotas(cancel)).toBeNull();
    const stop = AbortSignal.abort(new Error('stop'));
    await expect(api.quotas({ signal: stop })).rejects.toThrow('stop');
  });
});

describe('accounts, regions and credentials', () => {
  it.each<[string, (config: Ec2Config) => Ec2Config]>([
    ['AuthFailure', (config) => ({ ...config, region: 'us-wset-2' })],
    [
      'SignatureDoesNotMatch',
      (config) => ({
        ...config,
        credentials: { accessKeyId: '', sessionToken: null, ...config.credentials, secretAccessKey: 'wrong' },
      }),
    ],
  ])('that are wrong are an error: %s', async (code, change) => {
    const wrong = await openEc2Api(change(configOf(endpoint)));
    expect(await refusal(wrong.describeVpcs({}, cancel))).toBe(`DescribeVpcs ${code}`);
    wrong.close();
  });

  it('that are expired are an error', async () => {
    endpoint.expire();
    expect(await refusal(api.describeVpcs({}, cancel))).toBe('DescribeVpcs RequestExpired');
  });

  it('may come from the environment', async () => {
    const names = { AWS_ACCESS_KEY_ID: 'accessKeyId', AWS_SECRET_ACCESS_KEY: 'secretAccessKey' } as const;
    const before = Object.keys(names).map((name) => [name, process.env[name]] as const);
    for (const [name, key] of Object.entries(names)) process.env[name] = endpoint.credentials[key];
    const own = await openEc2Api(configOf(endpoint, { credentials: null }));
    try {
      expect(await own.describeVpcs({}, cancel)).toHaveLength(1);
    } finally {
      own.close();
      for (const [name, value] of before)
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
    }
  });
});

describe('the limits of EC2', () => {
  /** Against an endpoint with these limits, in virtual time; answers what became of the work and its seconds. */
  async function under<T>(limits: Limits, work: (limited: Ec2Api) => Promise<T>): Promise<[T, number]> {
    const clock = createVirtualClock();
    await using strict = await startEc2Endpoint({ clock, limits });
    const limited = await openEc2Api(configOf(strict), { clock });
    const since = clock.now();
    try {
      return [await work(limited), (clock.now() - since) / 1_000];
    } finally {
      limited.close();
    }
  }

  it('slow a thousand launches down no more than they must', async () => {
    const image = endpoint.fixtures().ubuntu;
    const [launched, seconds] = await under(AWS_LIMITS, (limited) =>
      Promise.all(
        Array.from({ length: 10 }, (_, batch) =>
          limited.runInstances(
            {
              ImageId: image,
              MinCount: 100,
              MaxCount: 100,
              InstanceType: 't3.micro',
              ClientToken: `b-${batch}`,
            },
            cancel,
          ),
        ),
      ),
    );
    expect(launched.flat()).toHaveLength(1_000);
    // Five calls at once, five more at two a second.
    expect(seconds).toBeLessThan(6);
  });

  it('never fail a call', async () => {
    const [calls, seconds] = await under({ describing: { size: 10, perSecond: 5 } }, async (limited) => {
      await Promise.all(Array.from({ length: 100 }, () => limited.describeVpcs({}, cancel)));
      return limited.calls.get('DescribeVpcs') ?? 0;
    });
    expect(calls).toBeGreaterThan(100);
    expect(calls).toBeLessThan(160);
    expect(seconds).toBeLessThan(30);
  });

  it('end with the signal', async () => {
    endpoint.throttle({ describing: { size: 1, perSecond: 0.001 } });
    await api.describeVpcs({}, cancel);
    const stop = new AbortController();
    const waiting = api.describeVpcs({}, { signal: stop.signal });
    while (endpoint.calls.length < 2) await systemClock.sleep(5, cancel);
    stop.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
  });
});
