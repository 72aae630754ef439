import { expect, it } from 'vitest';

import { checkPermission } from '../../../src/providers/ec2/check-permission.ts';
import { checkQuota } from '../../../src/providers/ec2/check-quota.ts';
import { quotaOf } from '../../../src/providers/ec2/quota-families.ts';
import { readWanted } from '../../../src/providers/ec2/wanted.ts';
import type { LaunchPreview, Provider } from '../../../src/providers/provider.ts';
import { cancel, providerOnEndpoint } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

async function messages(provider: Provider, previews: readonly LaunchPreview[]): Promise<readonly string[]> {
  const problems = await provider.check(previews, cancel);
  return problems.map(({ service, message }) => `${service ?? '-'}: ${message}`);
}

it('check() finds nothing wrong with what can be launched, and launches nothing', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  const { subnets, defaultGroup, placementGroup } = endpoint.fixtures();
  await provider.prepare(subject.request().tags, [subject.request()], cancel);
  const own = {
    instanceType: ['t3.micro', 'm5.large'],
    subnetId: [...subnets],
    securityGroupIds: [defaultGroup],
    keyName: endpoint.keyPairs()[0]?.name ?? '',
    placementGroup,
    associatePublicIp: true,
  };
  expect(
    await messages(provider, [subject.preview(), subject.preview(own, 3), subject.preview({}, 0)]),
  ).toEqual([]);
  expect(endpoint.instances()).toEqual([]);
});

it('check() tells all problems at once', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  const { subnets, ubuntuArm } = endpoint.fixtures();
  const none = 'subnet-0123456789abcdef0';
  endpoint.subnetAddresses(subnets[0], 2);
  const named = (service: string, image = subject.image): object => ({ service, image });
  const found = await messages(provider, [
    subject.preview({ instanceTyp: 'x' }, 1, named('options')),
    subject.preview({}, 1, named('image', 'ami-0123456789abcdef0')),
    subject.preview({}, 1, named('parameter', 'ssm:/none')),
    subject.preview({}, 1, named('newest', '{"owner":"self","name":"none-*"}')),
    subject.preview({}, 1, named('architecture', ubuntuArm)),
    subject.preview({ subnetId: none }, 1, named('subnet')),
    subject.preview({ subnetId: subnets[0] }, 3, named('addresses')),
    subject.preview({ securityGroupIds: ['sg-0123456789abcdef0'] }, 1, named('group')),
    subject.preview({ keyName: 'nobody' }, 1, named('key')),
    subject.preview({ placementGroup: 'nowhere' }, 1, named('placement')),
    subject.preview({ instanceType: ['t3.micro', 'z9.huge'] }, 1, named('type')),
  ]);
  expect(found.map((line) => line.slice(0, 60)).toSorted()).toMatchInlineSnapshot(`
    [
      "addresses: Cannot launch 3 machines in "subnet-04ddcc74c4354",
      "architecture: Cannot start "t3.micro" from image "ami-0cde9f",
      "group: Cannot use security group "sg-0123456789abcdef0": the",
      "image: Cannot use image "ami-0123456789abcdef0" in region "u",
      "key: Cannot use key pair "nobody": there is no such key pair",
      "newest: Cannot use the newest image "none-*" of owner "self"",
      "options: Cannot use ec2.instanceTyp: there is no such key",
      "parameter: Cannot use image "ssm:/none" in region "us-east-1",
      "placement: Cannot use placement group "nowhere": there is no",
      "subnet: Cannot launch in subnet "subnet-0123456789abcdef0": ",
      "type: Cannot launch "z9.huge": there is no such instance typ",
    ]
  `);
  expect(endpoint.calls.filter(({ action }) => action === 'RunInstances')).toEqual([]);
});

it('check() adds up what services need of the subnets that they share', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  const [one, other] = endpoint.fixtures().subnets;
  endpoint.subnetAddresses(one, 4);
  endpoint.subnetAddresses(other, 3);
  const wants = (service: string, count: number, ...subnetId: readonly string[]): LaunchPreview =>
    subject.preview({ subnetId }, count, { service });
  expect(await messages(provider, [wants('web', 4, one), wants('db', 3, other)])).toEqual([]);
  expect(
    await messages(provider, [wants('web', 3, one), wants('none', 0, one), wants('db', 2, one)]),
  ).toEqual([`db: Cannot launch 5 machines ("web", "db") in "${one}": 4 addresses are free`]);
  expect(await messages(provider, [wants('web', 4, one), wants('db', 3, one, other)])).toEqual([]);
  expect(
    await messages(provider, [
      wants('web', 3, other, one),
      wants('db', 3, one),
      wants('app', 1, one, other),
      wants('log', 1, one, other),
    ]),
  ).toEqual([
    `log: Cannot launch 8 machines ("web", "db", "app", "log") in "${one}", "${other}": 7 addresses are free`,
  ]);
});

it('check() tells when no type is offered in the zones of the subnets', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  const { zones, subnets } = endpoint.fixtures();
  endpoint.refuse({ code: 'Unsupported', instanceType: 't3.micro', zone: zones[0] });
  const one = subject.preview({ subnetId: subnets[0] });
  const [problem] = await provider.check([one], cancel);
  expect(problem).toEqual({
    service: 'web',
    message: `Cannot launch "t3.micro": not offered in ${zones[0]}`,
    hint: `Name another type, or subnets in ${zones[1]}.`,
  });
  expect(await messages(provider, [subject.preview({ subnetId: [...subnets] })])).toEqual([]);
});

it('check() has one problem with credentials that are refused, and one with a region that is not there', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  endpoint.expire();
  const problems = await provider.check([subject.preview(), subject.preview()], cancel);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({
    service: null,
    message: /^Cannot use the credentials in us-east-1: \w+: /,
  });
  expect(problems[0]?.hint).toMatch(/./);
  const nowhere = await subject.open({ endpoint: 'https://127.0.0.1:1' });
  const [unreachable, ...others] = await nowhere.check([subject.preview()], cancel);
  expect(unreachable).toMatchObject({ service: null, message: /^Cannot ask EC2 / });
  expect(others).toEqual([]);
});

it('check() names the quota that the fewest machines exceed, beside what runs, and no other', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  await subject.launch(2);
  endpoint.quota({ onDemand: 8, spot: 1 });
  expect(await messages(provider, [{ ...subject.preview({}, 2), max: 50 }])).toEqual([]);
  const [problem, spot] = await provider.check(
    [
      subject.preview({}, 1, { service: 'db' }),
      subject.preview({ instanceType: ['m5.xlarge', 'm5.large'] }, 2, { service: 'web' }),
      subject.preview({ spot: true }, 1, { service: 'spare' }),
    ],
    cancel,
  );
  expect(problem).toEqual({
    service: null,
    message:
      'Cannot launch "db", "web": at least 6 vCPUs are needed, 4 are in use, and quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" (L-1216C47A) in us-east-1 is 8',
    hint: expect.stringContaining('--quota-code L-1216C47A --desired-value 10;') as string,
  });
  expect(spot).toMatchObject({ service: 'spare', message: /\(L-34B43A08\)/ });
  const [other] = await provider.check([subject.preview({ instanceType: 'm5.large' }, 3)], cancel);
  expect(other).toMatchObject({ service: 'web', message: /at least 6 vCPUs are needed, 4 are in use/ });
  endpoint.deny(['DescribeInstances']);
  expect(await messages(provider, [subject.preview({}, 3)])).toEqual([]);
  endpoint.deny(['ListServiceQuotas']);
  expect(await messages(provider, [subject.preview({}, 3)])).toEqual([]);
});

it('check() leaves out what the user may not ask, and tells what the launch is not allowed', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  endpoint.deny(['DescribeInstanceTypes', 'DescribeSubnets', 'DescribeVpcs', 'RunInstances']);
  const [problem, ...others] = await provider.check(
    [subject.preview({ subnetId: 'subnet-0123456789abcdef0' })],
    cancel,
  );
  expect(others).toEqual([]);
  expect(problem).toMatchObject({
    service: 'web',
    message: /^Cannot launch: UnauthorizedOperation: .*ec2:RunInstances/,
    hint: 'Allow the action "ec2:RunInstances" in an IAM policy of who runs this.',
  });
});

it('check() tells what EC2 finds wrong with the call itself, but for room', async () => {
  await using subject = await providerOnEndpoint();
  const { endpoint, provider } = subject;
  const wrong = await messages(provider, [subject.preview({ iamInstanceProfile: 'nobody' })]);
  expect(wrong).toEqual([expect.stringMatching(/^web: Cannot launch: Invalid\w+: /)]);
  endpoint.break('RunInstances', { how: 'error', code: 'InsufficientInstanceCapacity' });
  expect(await messages(provider, [subject.preview()])).toEqual([]);
  const broken = subject.preview({ userData: 'x'.repeat(20_000) });
  expect(await messages(provider, [broken])).toEqual([
    expect.stringMatching(/^web: Cannot use ec2.userData/),
  ]);
});

it('checkPermission() asks no cloud that may overlook a dry run', async () => {
  await using subject = await providerOnEndpoint();
  const { wanted } = readWanted([subject.preview()]);
  const [image] = await subject.api.describeImages({ kind: 'ids', ids: [subject.image] }, cancel);
  const images = new Map(image === undefined ? [] : [['web', image]]);
  let asked = 0;
  const api = scriptedApi({
    dryRunInstances() {
      asked += 1;
      return Promise.resolve(null);
    },
  });
  for (const endpoint of ['https://cloud.example:8773', 'http://localhost:4566', null])
    await checkPermission(api, { endpoint }, wanted, images, cancel);
  expect(asked).toBe(2);
});

it('check() wants a subnet where there is no default VPC, and groups of its VPC', async () => {
  await using subject = await providerOnEndpoint();
  const { config, endpoint, api } = subject;
  const [subnet, vpc] = [endpoint.fixtures().subnets[0], { id: 'vpc-2', isDefault: false, account: '1' }];
  const other = { id: 'sg-2', name: 'other', vpcId: 'vpc-2', account: '1', tags: {} };
  const lonely = scriptedApi({
    ...api,
    describeVpcs: () => Promise.resolve([vpc]),
    describeSecurityGroups: () => Promise.resolve([other]),
  });
  const provider = await subject.open(config, { api: lonely });
  const found = await messages(provider, [
    subject.preview({}, 1, { service: 'plain' }),
    subject.preview({ subnetId: subnet, securityGroupIds: ['sg-2'] }, 1, { service: 'grouped' }),
  ]);
  expect(found).toEqual([
    'plain: Cannot launch without a subnet: the account has no default VPC in us-east-1',
    `grouped: Cannot use security group "sg-2": it is in "vpc-2", the machines come to be in "${endpoint.fixtures().vpc}"`,
  ]);
});

it('checkQuota() passes over a launch whose types count against several quotas', async () => {
  await using subject = await providerOnEndpoint();
  const { wanted } = readWanted([subject.preview({ instanceType: ['t3.micro', 'x1.large'] })]);
  expect(await checkQuota(scriptedApi({}), wanted, new Map(), cancel)).toEqual([]);
});

it('quotaOf() knows the family of a type by its name', () => {
  const codes = [
    't3.micro',
    'im4gn.large',
    'g5.xlarge',
    'vt1.3xlarge',
    'u-6tb1.metal',
    'u7i-12tb.224xlarge',
    'trn1.2xlarge',
    'mac1.metal',
  ];
  expect(codes.map((name) => quotaOf(name, false)?.code ?? null)).toEqual([
    'L-1216C47A',
    'L-1216C47A',
    'L-DB2E81BA',
    'L-DB2E81BA',
    'L-43DA4232',
    'L-43DA4232',
    'L-2C3B7624',
    null,
  ]);
  expect(quotaOf('hpc7a.96xlarge', true)).toBeNull();
});
