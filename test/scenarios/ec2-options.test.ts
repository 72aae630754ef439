import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { EmptyCloud } from './ec2-plan.ts';
import { openEmptyCloud, takeAllDown, writePlan } from './ec2-plan.ts';
import type { InstanceView } from '../support/ec2/views.ts';

let cloud: EmptyCloud;
let plans = 0;

beforeAll(async () => {
  cloud = await openEmptyCloud();
});

afterAll(async () => {
  try {
    expect(await takeAllDown(cloud)).toEqual([]);
  } finally {
    await cloud[Symbol.asyncDispose]();
  }
});

type Launched = InstanceView & { readonly params: ReadonlyMap<string, string> };

/** Launches a machine of each service, which nobody can reach; answers what it became and what EC2 was asked for. */
async function launch(
  services: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, Launched>>> {
  const { endpoint, run } = cloud;
  const { name, levels } = planOf(services);
  const { length } = endpoint.calls;
  const up = await run(['up', await writePlan(cloud, name, levels)]);
  expect(up.stderr).not.toContain('launch refused');
  return launchedBy(name, length, services);
}

/** As `launch`, of one service that is refused before. */
async function launchShown(services: {
  readonly web: string;
}): Promise<{ web: Launched | undefined; stderr: string }> {
  const { endpoint, run } = cloud;
  const { name, levels } = planOf(services);
  const { length } = endpoint.calls;
  const { stderr } = await run(['up', await writePlan(cloud, name, levels)]);
  return { web: launchedBy(name, length, services)['web'], stderr };
}

function planOf(services: Readonly<Record<string, string>>): {
  readonly name: string;
  readonly levels: string;
} {
  plans += 1;
  const lines = Object.entries(services).map(
    ([name, text]) => `      ${name}: { timeouts: { connect: 10ms }, attempts: { launch: 1 }, ${text} }`,
  );
  return {
    name: `options${plans}`,
    levels: ['levels:', '  - name: one', '    services:', ...lines, ''].join('\n'),
  };
}

function launchedBy(
  deployment: string,
  since: number,
  services: Readonly<Record<string, string>>,
): Readonly<Record<string, Launched>> {
  const { endpoint } = cloud;
  const calls = endpoint.calls.slice(since).filter(({ action }) => action === 'RunInstances');
  const found = Object.keys(services).map((service) => {
    const instance = endpoint
      .instances()
      .find(({ tags }) => tags['plan:deployment'] === deployment && tags['plan:service'] === service);
    const params = calls.find((call) => call.params.get('ClientToken') === instance?.token)?.params;
    if (instance === undefined || params === undefined) throw new Error(`"${service}" was not launched`);
    return [service, { ...instance, params }] as const;
  });
  return Object.fromEntries(found);
}

describe('what a service says reaches EC2', () => {
  it('every option, and what holds without it', async () => {
    const { endpoint, write } = cloud;
    const { subnets, placementGroup, instanceProfile, defaultGroup } = endpoint.fixtures();
    await write('data.sh', '#!/bin/sh\necho from a file {{self.service}}\n');
    const { plain, full, hidden, spot, text, file, template } = await launch({
      plain: 'labels: { tier: front }',
      full:
        `ec2: { instanceType: [c5.large, m5.large], subnetId: [${subnets[1]}, ${subnets[0]}], ` +
        `securityGroupIds: [${defaultGroup}], iamInstanceProfile: ${instanceProfile}, ` +
        'rootVolume: { sizeGiB: 20, type: gp3, encrypted: true }, tenancy: dedicated, ' +
        `placementGroup: ${placementGroup}, tags: { team: red }, ` +
        'metadata: { httpTokens: optional, httpPutResponseHopLimit: 2 } }, labels: { tier: front }',
      hidden: 'ec2: { associatePublicIp: false }',
      spot: 'ec2: { spot: { maxPrice: "0.05" } }',
      text: 'ec2: { userData: "#!/bin/sh\\necho {{self.service}}" }, ssh: { hostKey: pinFirst }',
      file: 'ec2: { userData: { file: data.sh } }, ssh: { hostKey: pinFirst }',
      template: 'ec2: { userData: { file: data.sh, template: true } }, ssh: { hostKey: pinFirst }',
    });
    const volumeOf = (one: Launched | undefined): unknown =>
      endpoint.volumes().find(({ id }) => id === one?.volumeIds[0]);

    expect(plain).toMatchObject({
      instanceType: 't3.micro',
      isSpot: false,
      profile: null,
      tenancy: 'default',
      placementGroup: null,
      httpTokens: 'required',
      tags: { tier: 'front', Name: 'plain-0', 'plan:service': 'plain', 'plan:batch': plain?.token },
    });
    expect(plain?.publicAddress).toBe(plain?.address);
    expect(endpoint.keyPairs().map(({ name }) => name)).toContain(plain?.keyName);
    expect(endpoint.securityGroups().map(({ id }) => id)).toEqual(plain?.groupIds);
    expect(volumeOf(plain)).toMatchObject({
      sizeGiB: 8,
      encrypted: false,
      deleteOnTermination: true,
      tags: { tier: 'front', Name: 'plain-0', 'plan:deployment': plain?.tags['plan:deployment'] },
    });

    expect(full).toMatchObject({
      instanceType: 'c5.large',
      subnetId: subnets[1],
      groupIds: [defaultGroup],
      profile: instanceProfile,
      tenancy: 'dedicated',
      placementGroup,
      httpTokens: 'optional',
      tags: { team: 'red', tier: 'front' },
    });
    expect(full?.params.get('MetadataOptions.HttpPutResponseHopLimit')).toBe('2');
    expect(volumeOf(full)).toMatchObject({
      sizeGiB: 20,
      type: 'gp3',
      encrypted: true,
      tags: { team: 'red', tier: 'front' },
    });

    expect(hidden).toMatchObject({ publicAddress: null, privateAddress: hidden?.address });
    expect(spot?.isSpot).toBe(true);
    expect(spot?.params.get('InstanceMarketOptions.SpotOptions.MaxPrice')).toBe('0.05');
    expect(text?.userData?.toString()).toBe('#!/bin/sh\necho text');
    expect(file?.userData?.toString()).toBe('#!/bin/sh\necho from a file {{self.service}}\n');
    expect(template?.userData?.toString()).toBe('#!/bin/sh\necho from a file template\n');
  });

  it('an image by its id, a parameter, or as the newest of an owner', async () => {
    const { amazonLinux, ubuntu, parameter } = cloud.endpoint.fixtures();
    const found = await launch({
      id: `image: ${amazonLinux}`,
      named: `image: "ssm:${parameter}"`,
      newest:
        'image: { owner: "099720109477", name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-*" }',
    });
    expect(Object.values(found).map(({ imageId, tags }) => [imageId, tags['plan:user']])).toEqual([
      [amazonLinux, 'ec2-user'],
      [ubuntu, 'ubuntu'],
      [ubuntu, 'ubuntu'],
    ]);
  });
});

describe('where there is no capacity the next type and subnet is asked for at once, and every refusal is shown', () => {
  it.each([
    ['InsufficientInstanceCapacity', ''],
    ['InstanceLimitExceeded', ''],
    ['VcpuLimitExceeded', ''],
    ['InsufficientFreeAddressesInSubnet', ''],
    ['InsufficientHostCapacity', ''],
    ['UnfulfillableCapacity', ''],
    ['Unsupported', ''],
    ['SpotMaxPriceTooLow', 'spot: { maxPrice: "0.2" }, '],
    ['MaxSpotInstanceCountExceeded', 'spot: true, '],
  ])('%s', async (code, more) => {
    const { endpoint } = cloud;
    const { subnets, zones } = endpoint.fixtures();
    endpoint.refuse({ code, instanceType: 'c5.large' });
    endpoint.refuse({ code, instanceType: 'm5.large', zone: zones[0] });
    onTestFinished(() => endpoint.relent());
    const { web, stderr } = await launchShown({
      web: `ec2: { ${more}instanceType: [c5.large, m5.large], subnetId: [${subnets.join(', ')}] }`,
    });
    expect(web).toMatchObject({ instanceType: 'm5.large', subnetId: subnets[1] });
    const shown = [...stderr.matchAll(/launch refused: Cannot launch: EC2 refused (\S+ in \S+): (\w+): .*/g)];
    expect(shown.map(([, place, told]) => [place, told])).toEqual([
      [`c5.large in ${subnets[0]}`, code],
      [`c5.large in ${subnets[1]}`, code],
      [`m5.large in ${subnets[0]}`, code],
    ]);
    for (const [line] of shown) expect(line).toMatch(/\(tries again\)$/);
  });
});
