import type { EC2Client } from '@aws-sdk/client-ec2';
import {
  DescribeInstancesCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { Ec2Endpoint } from './endpoint.ts';
import { REASONS } from './instance.ts';
import { errorOf, launchOf, onEndpoint } from './trial.ts';

let endpoint: Ec2Endpoint;
let client: EC2Client;

onEndpoint((cloud) => ({ endpoint, client } = cloud));

async function launch(rest: Parameters<typeof launchOf>[1] = {}): Promise<readonly string[]> {
  const { Instances = [] } = await client.send(new RunInstancesCommand(launchOf(endpoint, rest)));
  return Instances.toSorted((one, other) => (one.AmiLaunchIndex ?? 0) - (other.AmiLaunchIndex ?? 0)).map(
    ({ InstanceId = '' }) => InstanceId,
  );
}

async function states(ids: readonly string[]): Promise<readonly (string | undefined)[]> {
  const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: [...ids] }));
  const all = new Map(
    Reservations.flatMap(({ Instances = [] }) => Instances.map((one) => [one.InstanceId, one])),
  );
  return ids.map((id) => all.get(id)?.State?.Name);
}

describe('an instance', () => {
  it('is launched, described with all that it has, stopped, started and terminated', async () => {
    const { subnets, zones, ubuntu, defaultGroup } = endpoint.fixtures();
    const answer = await client.send(
      new RunInstancesCommand(
        launchOf(endpoint, {
          ClientToken: 'token',
          NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: subnets[1], AssociatePublicIpAddress: true }],
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '<b & "c">' }] }],
          IamInstanceProfile: { Name: 'machine-role' },
          MetadataOptions: { HttpTokens: 'required' },
          Placement: { Tenancy: 'dedicated', GroupName: 'close-together' },
        }),
      ),
    );
    const [launched] = answer.Instances ?? [];
    expect(launched?.State).toEqual({ Code: 0, Name: 'pending' });
    expect(launched?.PublicIpAddress).toBeUndefined();
    const id = launched?.InstanceId ?? '';
    const described = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    const [instance] = described.Reservations?.[0]?.Instances ?? [];
    const [view] = endpoint.instances();
    expect(described.Reservations?.[0]?.OwnerId).toBe('123456789012');
    expect(instance).toMatchObject({
      InstanceId: id,
      ImageId: ubuntu,
      State: { Code: 16, Name: 'running' },
      InstanceType: 't3.micro',
      AmiLaunchIndex: 0,
      ClientToken: 'token',
      Placement: { AvailabilityZone: zones[1], Tenancy: 'dedicated', GroupName: 'close-together' },
      PrivateIpAddress: view?.address,
      PublicIpAddress: view?.address,
      SubnetId: subnets[1],
      SecurityGroups: [{ GroupId: defaultGroup, GroupName: 'default' }],
      Tags: [{ Key: 'a', Value: '<b & "c">' }],
      RootDeviceType: 'ebs',
      BlockDeviceMappings: [
        { DeviceName: '/dev/sda1', Ebs: { VolumeId: view?.volumeIds[0], DeleteOnTermination: true } },
      ],
      IamInstanceProfile: { Arn: 'arn:aws:iam::123456789012:instance-profile/machine-role' },
      MetadataOptions: { HttpTokens: 'required' },
    });
    expect(instance?.LaunchTime).toBeInstanceOf(Date);
    expect(view?.address).toMatch(/^127\./);

    const stopped = await client.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect(stopped.StoppingInstances).toMatchObject([
      { InstanceId: id, CurrentState: { Name: 'stopping' }, PreviousState: { Name: 'running' } },
    ]);
    expect(await states([id])).toEqual(['stopped']);
    const started = await client.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(started.StartingInstances?.[0]?.CurrentState?.Name).toBe('pending');
    expect(await states([id])).toEqual(['running']);
    const ended = await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(ended.TerminatingInstances?.[0]?.CurrentState).toEqual({ Code: 32, Name: 'shutting-down' });
    const last = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    const [gone] = last.Reservations?.[0]?.Instances ?? [];
    expect(gone?.State).toEqual({ Code: 48, Name: 'terminated' });
    expect(gone?.StateReason).toEqual({
      Code: 'Client.UserInitiatedShutdown',
      Message: 'Client.UserInitiatedShutdown: User initiated shutdown',
    });
    expect(gone?.StateTransitionReason).toMatch(/^User initiated \(\d{4}-.* GMT\)$/);
    expect(gone?.PublicIpAddress).toBeUndefined();
  });

  it('goes from pending to terminated when its launch is stillborn', async () => {
    endpoint.stillborn({ reason: REASONS.volumes });
    const [id = '', other = ''] = await launch({ MinCount: 2, MaxCount: 2 });
    expect(await states([id, other])).toEqual(['terminated', 'running']);
    const answer = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    expect(answer.Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe('Client.VolumeLimitExceeded');
  });

  it('ends as if its hardware failed, and is put into any state', async () => {
    const [id = '', other = ''] = await launch({ MinCount: 2, MaxCount: 2 });
    endpoint.end(id);
    endpoint.setState(other, 'stopping');
    expect(await states([id, other])).toEqual(['terminated', 'stopping']);
    expect(endpoint.instances()[0]?.reason).toEqual(REASONS.internal);
    expect(() => endpoint.end('i-0')).toThrow('There is no instance "i-0"');
  });
});

describe('DescribeInstances', () => {
  it('names all ids that are missing, and none that is malformed', async () => {
    const [id = ''] = await launch();
    const call = (ids: readonly string[]): Promise<string> =>
      errorOf(client.send(new DescribeInstancesCommand({ InstanceIds: [...ids] })));
    expect(await call([id, 'i-00000000000000001'])).toBe(
      "InvalidInstanceID.NotFound (400): The instance ID 'i-00000000000000001' does not exist",
    );
    expect(await call(['i-00000000000000001', id, 'i-00000000000000002'])).toBe(
      "InvalidInstanceID.NotFound (400): The instance IDs 'i-00000000000000001, i-00000000000000002' do not exist",
    );
    expect(await call(['i-xyz'])).toBe(
      'InvalidInstanceID.Malformed (400): Invalid id: "i-xyz" (expecting "i-...")',
    );
    expect(await call(Array.from({ length: 1001 }, () => id))).toContain('InvalidParameterValue (400)');
  });

  it('answers page by page, whatever is launched between two pages', async () => {
    const ids = await launch({ MinCount: 12, MaxCount: 12 });
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await client.send(
        new DescribeInstancesCommand({ MaxResults: 5, ...(token === undefined ? {} : { NextToken: token }) }),
      );
      const found = (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
      expect(found.length).toBeLessThanOrEqual(5);
      seen.push(...found.map(({ InstanceId = '' }) => InstanceId));
      token = page.NextToken;
      if (seen.length === 5) ids.concat(await launch());
    } while (token !== undefined);
    expect(new Set(seen).size).toBe(13);
    expect(seen).toHaveLength(13);
    expect(await errorOf(client.send(new DescribeInstancesCommand({ MaxResults: 4 })))).toContain(
      'InvalidParameterValue',
    );
    expect(
      await errorOf(client.send(new DescribeInstancesCommand({ MaxResults: 5, InstanceIds: [...ids] }))),
    ).toContain('InvalidParameterCombination');
    expect(await errorOf(client.send(new DescribeInstancesCommand({ NextToken: 'nonsense' })))).toContain(
      'InvalidParameterValue',
    );
  });

  it('filters by tags, token, state and what else there is', async () => {
    const tagged = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'plan:service', Value: 'a*b' }] }];
    const [one] = await launch({ TagSpecifications: tagged, ClientToken: 'first' });
    const [two = ''] = await launch();
    await client.send(new StopInstancesCommand({ InstanceIds: [two] }));
    const found = async (
      ...filters: (readonly [name: string, ...values: string[]])[]
    ): Promise<readonly unknown[]> => {
      const Filters = filters.map(([Name, ...Values]) => ({ Name, Values }));
      const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ Filters }));
      return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId));
    };
    expect(await found(['tag:plan:service', 'a\\*b'])).toEqual([one]);
    expect(await found(['tag:plan:service', 'a*'])).toEqual([one]);
    expect(await found(['tag:plan:service', 'a?b', 'x'])).toEqual([one]);
    expect(await found(['tag-key', 'plan:*'])).toEqual([one]);
    expect(await found(['tag:plan:service', 'a'])).toEqual([]);
    expect(await found(['client-token', 'first'])).toEqual([one]);
    expect(await found(['instance-state-name', 'stopped', 'stopping'])).toEqual([two]);
    expect(await found(['instance-state-name', 'stopped'], ['client-token', 'first'])).toEqual([]);
    expect(await errorOf(found(['colour', 'red']))).toBe(
      "InvalidParameterValue (400): The filter 'colour' is invalid",
    );
  });
});
