import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Json } from '../../../src/json.ts';
import { hostKeyPair } from '../../../src/keys.ts';
import { createAlternatives } from '../../../src/providers/ec2/alternatives.ts';
import type { Ec2Api } from '../../../src/providers/ec2/api.ts';
import { openEc2Api } from '../../../src/providers/ec2/ec2-client.ts';
import { createLauncher } from '../../../src/providers/ec2/launch.ts';
import type { NameTags } from '../../../src/providers/ec2/name-tags.ts';
import { createNameTags } from '../../../src/providers/ec2/name-tags.ts';
import { createResolver } from '../../../src/providers/ec2/resolve.ts';
import type { Cancel, LaunchAnswer, LaunchRequest } from '../../../src/providers/provider.ts';
import { cloudInit } from '../../support/ec2/cloud-init.ts';
import type { Ec2Endpoint } from '../../support/ec2/endpoint.ts';
import { startEc2Endpoint } from '../../support/ec2/endpoint.ts';
import { requestOf } from './launch-request.ts';

const CANCEL: Cancel = { signal: new AbortController().signal };

let endpoint: Ec2Endpoint;
let api: Ec2Api;
let nameTags: NameTags;
let time: number;
let resolver: ReturnType<typeof createResolver>;
let launch: ReturnType<typeof createLauncher>;

beforeEach(async () => {
  endpoint = await startEc2Endpoint();
  time = 0;
  api = await openEc2Api(
    {
      name: 'west',
      region: endpoint.region,
      endpoint: endpoint.url,
      profile: null,
      credentials: { sessionToken: null, ...endpoint.credentials },
      pollInterval: 50,
      sshFrom: [],
    },
    { clock: systemClock },
  );
  await api.importKeyPair({ name: 'made', publicKey: hostKeyPair().publicKey, tags: {} }, CANCEL);
  const group = await api.createSecurityGroup(
    { name: 'made', description: 'made', vpcId: endpoint.fixtures().vpc, tags: {} },
    CANCEL,
  );
  const alternatives = createAlternatives({ now: () => time });
  nameTags = createNameTags(api);
  const made = { keyName: () => 'made', groupOf: () => Promise.resolve(group) };
  resolver = createResolver({ api, made, alternatives });
  launch = createLauncher({ api, alternatives, nameTags, clock: { now: () => time } });
});

afterEach(async () => {
  await nameTags.close();
  api.close();
  await endpoint[Symbol.asyncDispose]();
});

async function resolve(
  options: Readonly<Record<string, Json>> = {},
  rest: Partial<LaunchRequest> = {},
): Promise<LaunchRequest> {
  const { ubuntu } = endpoint.fixtures();
  const answer = await resolver.resolve(requestOf({ image: ubuntu, options, ...rest }), CANCEL);
  return answer.kind === 'resolved' ? answer.request : expect.fail(answer.message);
}

async function refused(
  options: Readonly<Record<string, Json>> = {},
  rest: Partial<LaunchRequest> = {},
): Promise<string> {
  const { ubuntu } = endpoint.fixtures();
  const answer = await resolver.resolve(requestOf({ image: ubuntu, options, ...rest }), CANCEL);
  if (answer.kind === 'resolved') return expect.fail('it was resolved');
  expect(answer.retryAfter).toBeNull();
  return answer.message;
}

function ask(request: LaunchRequest, count: number, token = 'token-1', min = 1): Promise<LaunchAnswer> {
  const machines = Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 }));
  return launch({ token, machines, min, request }, CANCEL);
}

function idsOf(answer: LaunchAnswer): readonly (string | null)[] {
  return answer.kind === 'launched' ? answer.ids : expect.fail(answer.message);
}

function callsOf(action: string): number {
  return endpoint.calls.filter((call) => call.action === action).length;
}

describe('resolve()', () => {
  it('settles image, key, group and place, as JSON', async () => {
    const request = await resolve({ instanceType: ['t3.micro', 't3.small'] });
    expect(JSON.parse(JSON.stringify(request))).toEqual(request);
    expect(request.resolved).toMatchObject({
      input: { ImageId: endpoint.fixtures().ubuntu, KeyName: 'made', InstanceType: 't3.micro' },
      alternative: { instanceType: 't3.micro', subnetId: null },
    });
  });

  it('takes what the plan names in place of what is made', async () => {
    const request = await resolve({ keyName: 'ann', securityGroupIds: ['sg-1', 'sg-2'] });
    expect(request.resolved).toMatchObject({
      input: { KeyName: 'ann', SecurityGroupIds: ['sg-1', 'sg-2'] },
      made: { keyPair: false, group: false },
    });
  });

  it('hands over a host key of its own each time, where one is wanted', async () => {
    const { ubuntu } = endpoint.fixtures();
    const wanted = requestOf({ image: ubuntu, handsHostKey: true, options: { userData: '#!/bin/sh\n' } });
    const answers = [await resolver.resolve(wanted, CANCEL), await resolver.resolve(wanted, CANCEL)];
    const keys = answers.map((answer) => (answer.kind === 'resolved' ? answer.hostKey : null));
    expect(new Set(keys).size).toBe(2);
    const [first] = answers;
    const request = first?.kind === 'resolved' ? first.request : expect.fail('it was refused');
    expect(idsOf(await ask(request, 1))).toHaveLength(1);
    const { hostKeys, scripts } = cloudInit(endpoint.instances()[0]?.userData ?? null);
    expect(hostKeys?.map((key) => key.public)).toEqual([keys[0]]);
    expect(scripts).toHaveLength(1);
    expect(await resolver.resolve(requestOf({ image: ubuntu }), CANCEL)).toMatchObject({ hostKey: null });
  });

  it('asks for an image once', async () => {
    const image = JSON.stringify({
      owner: '099720109477',
      name: 'ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-amd64-*',
    });
    const requests = await Promise.all([resolve({}, { image }), resolve({}, { image })]);
    for (const { resolved } of requests)
      expect(resolved).toMatchObject({ input: { ImageId: endpoint.fixtures().ubuntu } });
    expect(callsOf('DescribeImages')).toBe(1);
  });

  it('takes the image that an SSM parameter names', async () => {
    endpoint.parameter('/ours/image', endpoint.fixtures().debian);
    const { resolved } = await resolve({}, { image: 'ssm:/ours/image' });
    expect(resolved).toMatchObject({ input: { ImageId: endpoint.fixtures().debian } });
  });

  it('refuses what cannot be asked for, for good', async () => {
    const region = endpoint.region;
    expect(await refused({}, { image: null })).toMatch(/"image" is required\. Write an image id/);
    expect(await refused({}, { image: 'ami-00000000000000000' })).toContain(
      `Cannot use image "ami-00000000000000000" in region "${region}": it does not exist. Images belong to a region`,
    );
    expect(await refused({}, { image: 'ssm:/none' })).toContain('there is no such SSM parameter');
    expect(await refused({ spot: 'maybe' })).toContain('Cannot use ec2.spot "maybe"');
    expect(await refused({ tags: { 'aws:x': 'x' } })).toContain('Cannot use ec2.tags.aws:x');
    expect(await refused({ userData: 'what' }, { handsHostKey: true })).toContain('ssh.hostKey: pinFirst');
  });

  it('refuses what EC2 refuses to tell, with its code and advice', async () => {
    endpoint.deny(['DescribeImages']);
    expect(await refused()).toMatch(
      /^EC2 refused DescribeImages: UnauthorizedOperation: .*\. Allow the action "ec2:DescribeImages" in an IAM policy of who runs this\.$/,
    );
    endpoint.deny([]);
    expect(await resolve()).toBeDefined();
  });

  it('rejects when it is cancelled', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(resolver.resolve(requestOf(), { signal })).rejects.toThrow('enough');
  });
});

describe('launch()', () => {
  it('launches a batch with one call, and the same with the same token', async () => {
    const request = await resolve({ rootVolume: { sizeGiB: 12 } }, { labels: { team: 'red' } });
    const ids = idsOf(await ask(request, 3));
    expect(new Set(ids).size).toBe(3);
    expect(await ask(request, 3)).toEqual({ kind: 'launched', ids, whyFewer: null });
    const instances = endpoint.instances();
    expect(ids).toEqual([0, 1, 2].map((index) => instances.find((one) => one.launchIndex === index)?.id));
    expect(callsOf('RunInstances')).toBe(2);
    const [instance] = instances;
    expect(instance?.tags).toMatchObject({ 'plan:batch': 'token-1', 'plan:service': 'web', team: 'red' });
    expect(instance?.httpTokens).toBe('required');
    const [volume] = endpoint.volumes();
    expect(volume).toMatchObject({
      sizeGiB: 12,
      deleteOnTermination: true,
      tags: { 'plan:batch': 'token-1' },
    });
  });

  it('names machines in the background, and a single one at once', async () => {
    const request = await resolve();
    const ids = idsOf(await ask(request, 2));
    await nameTags.settled();
    const names = () => new Map(endpoint.instances().map(({ id, tags }) => [id, tags['Name']]));
    expect(ids.map((id) => names().get(id ?? ''))).toEqual(['web-0', 'web-1']);
    expect(callsOf('CreateTags')).toBe(2);
    const [single] = idsOf(await ask(request, 1, 'token-2'));
    expect(names().get(single ?? '')).toBe('web-0');
    expect(callsOf('CreateTags')).toBe(2);
  });

  it('launches with a public address, a profile, a subnet and on spot', async () => {
    const { subnets } = endpoint.fixtures();
    const request = await resolve({ associatePublicIp: false, spot: true, subnetId: subnets[1] });
    idsOf(await ask(request, 1));
    expect(endpoint.instances()[0]).toMatchObject({
      publicAddress: null,
      isSpot: true,
      subnetId: subnets[1],
    });
  });

  it('has fewer asked for again at once, so that the reason is told', async () => {
    endpoint.limit({ left: 2 });
    const request = await resolve();
    const answer = await ask(request, 5);
    expect(answer).toMatchObject({
      kind: 'launched',
      whyFewer: `EC2 launched 2 of 5 t3.micro in ${endpoint.region}`,
      again: { retryAfter: 0, elsewhere: false },
    });
    expect(idsOf(answer).map((id) => id !== null)).toEqual([true, true, false, false, false]);
    expect(await ask(request, 3, 'token-2')).toMatchObject({ kind: 'refused', retryAfter: 10_000 });
    const two = await resolve({ instanceType: ['t3.micro', 't3.small'] });
    endpoint.relent();
    endpoint.limit({ left: 1 });
    expect(await ask(two, 2, 'token-3')).toMatchObject({ again: { retryAfter: 0, elsewhere: true } });
  });

  it('goes on to the next type and subnet while there is no room, then waits', async () => {
    const { subnets } = endpoint.fixtures();
    endpoint.refuse({ code: 'InsufficientInstanceCapacity', message: 'No room.' });
    const options = { instanceType: ['t3.micro', 't3.small'], subnetId: [...subnets] };
    const answers: string[] = [];
    for (let batch = 0; batch < 5; batch += 1) {
      const answer = await ask(await resolve(options), 1, `token-${batch}`);
      if (answer.kind === 'launched') return expect.fail('it was launched');
      const { message, retryAfter, elsewhere = false } = answer;
      answers.push(
        `${/refused (\S+ in \S+):/.exec(message)?.[1] ?? message} ${retryAfter ?? 'never'} ${elsewhere}`,
      );
      expect(message).toContain(
        ': InsufficientInstanceCapacity: No room. Try later, or list more types or subnets',
      );
      time += 1_000;
    }
    expect(answers).toEqual([
      `t3.micro in ${subnets[0]} 0 true`,
      `t3.micro in ${subnets[1]} 0 true`,
      `t3.small in ${subnets[0]} 0 true`,
      `t3.small in ${subnets[1]} 10000 false`,
      `t3.micro in ${subnets[0]} 10000 false`,
    ]);
    time += 60_000;
    endpoint.relent();
    expect(idsOf(await ask(await resolve(options), 1, 'token-9'))).toHaveLength(1);
    expect(endpoint.instances()[0]).toMatchObject({ instanceType: 't3.micro', subnetId: subnets[0] });
  });

  it('asks again for what may have room later, not for what is refused for good', async () => {
    const options = { instanceType: ['t3.micro', 't3.small'] };
    const answers: unknown[] = [];
    for (const code of [
      'InsufficientInstanceCapacity',
      'VcpuLimitExceeded',
      'InsufficientInstanceCapacity',
    ]) {
      endpoint.relent();
      endpoint.refuse({ code, message: 'No.' });
      const answer = await ask(await resolve(options), 1, `token-${answers.length}`);
      if (answer.kind === 'launched') return expect.fail('it was launched');
      answers.push([/refused (\S+) in/.exec(answer.message)?.[1], answer.retryAfter, answer.elsewhere]);
      time += 1_000;
    }
    expect(answers).toEqual([
      ['t3.micro', 0, true],
      ['t3.small', 10_000, undefined],
      ['t3.micro', 10_000, undefined],
    ]);
    endpoint.relent();
    expect((await resolve(options)).resolved).toMatchObject({ alternative: { instanceType: 't3.micro' } });
  });

  it('names the quota that is full, for good', async () => {
    endpoint.quota({ onDemand: 1, spot: 1 });
    const where = `in ${endpoint.region}`;
    expect(await ask(await resolve(), 1)).toMatchObject({
      kind: 'refused',
      retryAfter: null,
      message: expect.stringMatching(
        new RegExp(
          String.raw`^EC2 refused t3\.micro ${where}: VcpuLimitExceeded: .*\. The quota is "Running On-Demand Standard .* instances" \(L-1216C47A\) ${where}: ask for more in Service Quotas, terminate machines`,
        ),
      ) as unknown,
    });
    expect(await ask(await resolve({ spot: true }), 1)).toMatchObject({
      retryAfter: null,
      message: expect.stringContaining('(L-34B43A08)') as unknown,
    });
    endpoint.refuse({ code: 'VcpuLimitExceeded', message: 'Full' });
    expect(await ask(await resolve({ instanceType: 't3.micro', keyName: 'made' }), 1)).toMatchObject({
      message: expect.stringContaining('VcpuLimitExceeded: Full. The quota is') as unknown,
    });
  });

  it.each([
    ['Unsupported', null, '. Use an instance type that is offered in the zone'],
    ['SpotMaxPriceTooLow', 10_000, '. Raise or leave out "ec2.spot.maxPrice"'],
    ['InstanceLimitExceeded', null, '. Ask for a higher quota'],
    ['OptInRequired', null, '. Subscribe'],
    ['InvalidParameterCombination', null, ''],
    ['InvalidSubnetID.NotFound', null, '. Check the name'],
    ['SomethingNew', null, ''],
  ])('refuses %s with advice', async (code, retryAfter, advice) => {
    endpoint.refuse({ code, message: 'It is so.' });
    const answer = await ask(await resolve(), 1);
    expect(answer).toMatchObject({ kind: 'refused', retryAfter });
    const message = answer.kind === 'refused' ? answer.message : '';
    expect(message).toContain(`EC2 refused t3.micro in ${endpoint.region}: ${code}: It is so`);
    expect(message).toContain(advice);
    expect(answer).not.toHaveProperty('elsewhere');
  });

  it('asks no more for a key pair of the plan that is missing', async () => {
    const request = await resolve({ keyName: 'none' });
    expect(await ask(request, 1)).toMatchObject({
      kind: 'refused',
      retryAfter: null,
      message: expect.stringContaining('InvalidKeyPair.NotFound') as unknown,
    });
  });

  it.each(['InvalidKeyPair.NotFound', 'InvalidGroup.NotFound'])(
    'waits for what was made and is too new (%s) for a minute, which is no try',
    async (code) => {
      const answers: unknown[] = [];
      const again = async (): Promise<void> => {
        endpoint.relent();
        endpoint.refuse({ code, message: 'It is so.' });
        const answer = await ask(await resolve(), 1, `token-${time}-${answers.length}`);
        if (answer.kind === 'launched') return expect.fail('it was launched');
        answers.push([time, answer.retryAfter, answer.elsewhere ?? false]);
      };
      for (const at of [0, 2_000, 59_000, 60_000]) {
        time = at;
        await again();
      }
      endpoint.relent();
      idsOf(await ask(await resolve(), 1, 'token-found'));
      time = 100_000;
      await again();
      expect(answers).toEqual([
        [0, 2_000, true],
        [2_000, 2_000, true],
        [59_000, 2_000, true],
        [60_000, null, false],
        [100_000, 2_000, true],
      ]);
      endpoint.refuse({ code, message: 'It is so.' });
      const own = await resolve({ keyName: 'mine', securityGroupIds: ['sg-0123456789abcdef0'] });
      expect(await ask(own, 1, 'token-own')).toMatchObject({ kind: 'refused', retryAfter: null });
    },
  );

  it('refuses for good when the credentials are not allowed', async () => {
    const request = await resolve();
    endpoint.deny(['RunInstances']);
    expect(await ask(request, 1)).toMatchObject({
      retryAfter: null,
      message: expect.stringContaining('UnauthorizedOperation') as unknown,
    });
  });

  it('answers what an earlier call launched when a repeated one is not allowed any more', async () => {
    const request = await resolve();
    const ids = idsOf(await ask(request, 2));
    endpoint.deny(['RunInstances']);
    expect(await ask(request, 2)).toEqual({ kind: 'launched', ids, whyFewer: null });
  });

  it('takes over nothing that a cloud shows against its filters', async () => {
    const request = await resolve();
    idsOf(await ask(request, 1, 'token-of-another'));
    endpoint.deny(['RunInstances']);
    const findInstances: Ec2Api['findInstances'] = (_, cancel) => api.findInstances({}, cancel);
    const alternatives = createAlternatives({ now: () => 0 });
    const clock = { now: () => time };
    launch = createLauncher({ api: { ...api, findInstances }, alternatives, nameTags, clock });
    expect(await ask(request, 1)).toMatchObject({ kind: 'refused' });
  });

  it('does not call refused what the credentials, which expired, can tell nothing about', async () => {
    const request = await resolve();
    idsOf(await ask(request, 1));
    endpoint.expire();
    await expect(ask(request, 1)).rejects.toMatchObject({ call: 'RunInstances', code: 'RequestExpired' });
  });

  it('takes over what was launched by another request under the same token', async () => {
    const request = await resolve();
    const [id] = idsOf(await ask(request, 1));
    expect(await ask(request, 2)).toMatchObject({ kind: 'launched', ids: [id, null] });
  });

  it('calls another request under the same token a bug', async () => {
    endpoint.refuse({ code: 'IdempotentParameterMismatch' });
    expect(await ask(await resolve(), 2)).toMatchObject({
      kind: 'refused',
      retryAfter: null,
      message: `EC2 refused t3.micro in ${endpoint.region}: IdempotentParameterMismatch: another request was made under the token "token-1". This is a bug in plan.`,
    });
  });

  it('answers the machines of its token when all of them are terminated by now', async () => {
    const request = await resolve();
    const ids = idsOf(await ask(request, 2));
    await api.terminateInstances(
      ids.flatMap((id) => id ?? []),
      CANCEL,
    );
    expect(await ask(request, 2)).toEqual({ kind: 'launched', ids, whyFewer: null });
    expect(endpoint.instances()).toHaveLength(2);
  });

  it('has machines launched anew that are terminated and forgotten', async () => {
    endpoint.refuse({ code: 'IdempotentInstanceTerminated' });
    expect(await ask(await resolve(), 2)).toEqual({
      kind: 'launched',
      ids: [null, null],
      whyFewer: 'the machines that EC2 launched for it are terminated',
      again: { retryAfter: 0, elsewhere: false },
    });
  });

  it('overlooks no machine of a cloud that tells no launch indices', async () => {
    const runInstances: Ec2Api['runInstances'] = async (input, cancel) =>
      (await api.runInstances(input, cancel)).map((instance) => ({ ...instance, launchIndex: 0 }));
    launch = createLauncher({
      api: { ...api, runInstances },
      alternatives: createAlternatives({ now: () => 0 }),
      nameTags,
      clock: { now: () => time },
    });
    const request = await resolve();
    const ids = idsOf(await ask(request, 3));
    expect(ids).toEqual(
      endpoint
        .instances()
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(idsOf(await ask(request, 3))).toEqual(ids);
  });

  it('answers the same when the answer was lost', async () => {
    endpoint.break('RunInstances', { how: 'drop-after-effect' });
    expect(idsOf(await ask(await resolve(), 2))).toHaveLength(2);
    expect(endpoint.instances()).toHaveLength(2);
  });

  it('is for resolved requests only', async () => {
    await expect(ask(requestOf(), 1)).rejects.toThrow('is not resolved. This is a bug in plan.');
  });
});
