import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Ec2Endpoint } from '../support/ec2/endpoint.ts';
import type { EmptyCloud, ProviderKeys } from './ec2-plan.ts';
import { leaksOf, openEmptyCloud, sessionAccount, takeAllDown, writePlan } from './ec2-plan.ts';

const ACCOUNT = sessionAccount();
const USER_DATA = 'hidden-user-data-4711';
/** A label of more than 63 characters: there can be no such host, so that nobody is asked for it. */
const NO_LABEL = 'a'.repeat(64);
const NO_ID = '0aaaaaaaaaaaaaaaa';

let cloud: EmptyCloud;
let plans = 0;

beforeAll(async () => {
  cloud = await openEmptyCloud({ accounts: [ACCOUNT] });
});

afterEach(() => {
  const { endpoint } = cloud;
  endpoint.relent();
  endpoint.deny([]);
  endpoint.expire(false);
});

afterAll(async () => {
  try {
    expect(await takeAllDown(cloud), 'what refused launches leave').toEqual([]);
  } finally {
    await cloud[Symbol.asyncDispose]();
  }
});

interface Broken {
  readonly code?: 1 | 2;
  /** In `stderr`: EC2's code, where it has one, and what to do. */
  readonly says: readonly string[];
  /** Of the service. */
  readonly ec2?: string;
  readonly image?: string;
  readonly provider?: ProviderKeys;
  readonly env?: Readonly<Record<string, string>>;
  readonly prepare?: (endpoint: Ec2Endpoint) => void;
}

/** Brings up a plan in which this is wrong: nothing may be launched, no secret told. */
async function fails({
  code = 1,
  says,
  ec2 = '',
  image,
  provider,
  env = {},
  prepare,
}: Broken): Promise<string> {
  const { endpoint, run } = cloud;
  plans += 1;
  const plan = await writePlan(
    cloud,
    `broken${plans}`,
    `levels:
  - name: one
    services:
      web:
        attempts: { launch: 1 }
        ec2:
          userData: "#!/bin/sh\\necho ${USER_DATA}"
          ${ec2}
`,
    { ...(provider !== undefined && { provider }), ...(image !== undefined && { image }) },
  );
  prepare?.(endpoint);
  const up = await run(['up', plan, '-v'], { env });
  for (const text of says) expect(up.stderr).toContain(text);
  expect(up).toMatchObject({ code, stdout: '', exits: [] });
  expect(endpoint.instances()).toEqual([]);
  const secrets = [ACCOUNT.secretAccessKey, ACCOUNT.sessionToken, USER_DATA, ...Object.values(env)];
  expect(await leaksOf(cloud, [up], secrets)).toEqual([]);
  return up.stderr;
}

describe('a launch that EC2 refuses fails with the code and what to do', () => {
  it.each([
    ['InsufficientInstanceCapacity', 'Try later, or list more types or subnets', ''],
    ['InstanceLimitExceeded', 'Ask for a higher quota', ''],
    ['VcpuLimitExceeded', 'Standard (A, C, D, H, I, M, R, T, Z) instances" (L-1216C47A)', ''],
    ['MaxSpotInstanceCountExceeded', 'Spot Instance Requests" (L-34B43A08)', 'spot: true'],
    ['SpotMaxPriceTooLow', 'Raise or leave out "ec2.spot.maxPrice"', 'spot: { maxPrice: "0.01" }'],
    ['InsufficientFreeAddressesInSubnet', 'Use a larger subnet, or list another one', ''],
    ['InsufficientHostCapacity', 'Allocate another dedicated host', 'tenancy: host'],
    ['UnfulfillableCapacity', 'Try later, or list more types or subnets', ''],
    ['Unsupported', 'Use an instance type that is offered in the zone', ''],
    ['PendingVerification', 'Follow the link', ''],
    ['OptInRequired', 'Subscribe to the image', ''],
    ['InvalidParameterValue', 'Change what the message speaks of', ''],
    ['TagLimitExceeded', 'Give the machines fewer labels and tags', ''],
  ])('%s', async (code, advice, ec2) => {
    const told = await fails({ says: [advice], ec2, prepare: (endpoint) => endpoint.refuse({ code }) });
    expect(told).toContain(`EC2 refused t3.micro in us-west-2: ${code}: `);
    expect(told).toContain('Nothing is left running.');
  });
});

describe('credentials that do not do are told before anything is made', () => {
  it.each<[string, Broken]>([
    [
      'that are expired',
      {
        says: ['RequestExpired: ', "Check this host's clock, and renew the session token"],
        prepare: (endpoint) => endpoint.expire(),
      },
    ],
    [
      'of an unknown key',
      { says: ['AuthFailure: ', 'AWS_ACCESS_KEY_ID'], env: { EC2_KEY: 'AKIANOBODY0000000000' } },
    ],
    [
      'with a wrong secret',
      { says: ['SignatureDoesNotMatch: ', 'AWS_ACCESS_KEY_ID'], env: { EC2_SECRET: 'wrong-secret-98765' } },
    ],
    [
      'with a wrong session token',
      { says: ['AuthFailure: ', 'AWS_ACCESS_KEY_ID'], env: { EC2_TOKEN: 'wrong-token-98765' } },
    ],
    [
      'for another region',
      {
        says: ['in us-east-9', 'AuthFailure: ', 'Check the region'],
        provider: { region: 'us-east-9' },
      },
    ],
    [
      'at an endpoint that there is not',
      {
        says: ['(ENOTFOUND)', `Check the provider's "endpoint"`],
        provider: { endpoint: `http://${NO_LABEL}.example` },
      },
    ],
    [
      'at an endpoint where nobody listens',
      {
        says: ['ECONNREFUSED', `Check the provider's "endpoint", and the network`],
        provider: { endpoint: 'http://127.0.0.1:1' },
      },
    ],
  ])('%s', async (_, broken) => {
    expect(await fails(broken)).toContain('Nothing was launched.');
  });

  it('that are not there', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
      vi.stubEnv(name, undefined);
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const told = await fails({
      says: ['CredentialsProviderError: ', 'AWS_PROFILE or AWS_ACCESS_KEY_ID'],
      provider: { accessKeyId: null, secretAccessKey: null, sessionToken: null },
    });
    expect(told).toContain('Nothing was launched.');
  });
});

describe('what a plan names and EC2 does not have is told before anything is made', () => {
  it.each<[string, Broken]>([
    [
      'an image',
      { image: `ami-${NO_ID}`, says: [`"ami-${NO_ID}" in region "us-west-2"`, 'Images belong to a region'] },
    ],
    [
      'a parameter of an image',
      { image: 'ssm:/none/such', says: ['no such SSM parameter', 'look it up there'] },
    ],
    [
      'a newest image',
      { image: '{ owner: self, name: "no*" }', says: ['there is none', 'look it up there'] },
    ],
    [
      'a subnet',
      { ec2: `subnetId: subnet-${NO_ID}`, says: [`"subnet-${NO_ID}"`, 'aws ec2 describe-subnets'] },
    ],
    [
      'a security group',
      { ec2: `securityGroupIds: [sg-${NO_ID}]`, says: [`"sg-${NO_ID}"`, 'aws ec2 describe-security-groups'] },
    ],
    ['a key pair', { ec2: 'keyName: nobody', says: ['"nobody"', 'aws ec2 describe-key-pairs'] }],
    [
      'a placement group',
      { ec2: 'placementGroup: nowhere', says: ['"nowhere"', 'aws ec2 describe-placement-groups'] },
    ],
    [
      'an instance profile',
      { ec2: 'iamInstanceProfile: nobody', says: ['InvalidParameterValue: ', '(nobody)', 'under "ec2"'] },
    ],
    [
      'an instance type',
      { ec2: 'instanceType: t9.huge', says: ['"t9.huge"', 'aws ec2 describe-instance-type-offerings'] },
    ],
    [
      'an instance type for the image',
      { ec2: 'instanceType: t4g.micro', says: ['the image is x86_64, the type arm64', 'same architecture'] },
    ],
    [
      'a volume as large as the image',
      {
        ec2: 'rootVolume: { sizeGiB: 2 }',
        says: ['InvalidBlockDeviceMapping: ', '"ec2.rootVolume.sizeGiB"'],
      },
    ],
  ])('%s', async (_, broken) => {
    expect(await fails(broken)).toContain('Nothing was launched.');
  });
});

describe('an action that is not allowed is named', () => {
  it.each(['RunInstances', 'ImportKeyPair', 'CreateSecurityGroup', 'AuthorizeSecurityGroupIngress'])(
    '%s',
    async (action) => {
      await fails({
        says: ['UnauthorizedOperation: ', `Allow the action "ec2:${action}" in an IAM policy`],
        prepare: (endpoint) => endpoint.deny([action]),
      });
    },
  );
});

describe('a plan that cannot be is a usage error, for which nobody is asked', () => {
  it.each<[string, Broken]>([
    ['no region', { says: ['neither "region" nor "endpoint"'], provider: { region: null, endpoint: null } }],
    ['no id of an image', { says: ['"debian" is not an image of EC2', 'ssm:'], image: 'debian' }],
    ['an unknown option', { says: ['instanceTyp', 'instanceType'], ec2: 'instanceTyp: t3.micro' }],
    ['a region that is no name', { says: ['"us west"', 'us-west-2'], provider: { region: 'us west' } }],
  ])('%s', async (_, broken) => {
    const { length } = cloud.endpoint.calls;
    await fails({ code: 2, ...broken });
    expect(cloud.endpoint.calls).toHaveLength(length);
  });
});

it('all that is wrong with a plan is told at once', async () => {
  const service = (name: string, ec2: string, more = ''): string =>
    `      ${name}: { ec2: { ${ec2} } ${more} }`;
  const plan = await writePlan(
    cloud,
    'five',
    [
      'levels:',
      '  - name: one',
      '    services:',
      service('a', 'instanceType: t9.huge'),
      service('b', `subnetId: subnet-${NO_ID}`),
      service('c', 'instanceType: t3.micro', `, image: ami-${NO_ID}`),
      '  - name: two',
      '    services:',
      service('d', `securityGroupIds: [sg-${NO_ID}]`),
      service('e', 'keyName: nobody'),
      service('f', 'instanceType: m5.xlarge', ', count: { min: 3, max: 9 }'),
      service('fine', 'instanceType: t3.micro', ', count: { min: 1, max: 9 }'),
    ].join('\n'),
  );
  cloud.endpoint.quota({ onDemand: 12 });
  const up = await cloud.run(['up', plan]);
  cloud.endpoint.quota({ onDemand: 100_000 });
  expect(up.code).toBe(1);
  const problems = up.stderr.split('\n').filter((line) => /^(?:Service|Provider) "/.test(line));
  expect(problems.map((line) => line.replace(/: .*/, '')).toSorted()).toEqual([
    'Provider "west"',
    'Service "a"',
    'Service "b"',
    'Service "c"',
    'Service "d"',
    'Service "e"',
  ]);
  expect(problems.find((line) => line.startsWith('Provider'))).toMatch(
    /vCPUs .* \(L-1216C47A\) in us-west-2 is 12$/,
  );
  expect(cloud.endpoint.instances()).toEqual([]);
  expect(cloud.endpoint.calls.some(({ action }) => action === 'CreateSecurityGroup')).toBe(true);
});
