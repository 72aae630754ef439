import { describe, expect, it, onTestFinished } from 'vitest';
import { openEc2Api } from '../../src/providers/ec2/ec2-client.ts';
import { configOf } from '../providers/ec2/provider-on-endpoint.ts';
import { jsonLines } from '../cli/command.ts';
import { machinesMissing } from '../support/ec2/machines.ts';
import { until } from '../support/until.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { cloudScenario } from './cloud-scenario.ts';
import { openEmptyCloud, takeAllDown, writePlan } from './ec2-plan.ts';
import { machinesOf, states } from './scenario.ts';

const missing = machinesMissing();
const QUOTA = '"Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" (L-1216C47A)';

function fleet({ plan }: CloudScenario, count: string): Promise<string> {
  return plan('fleet', `levels: [{ name: one, services: { web: { count: ${count} } } }]\n`);
}

async function idsOf({ status }: CloudScenario): Promise<readonly (string | null)[]> {
  return machinesOf(await status('fleet')).map(({ id }) => id);
}

/** How many machines each launching call asked for, at least and at most. */
function launches({ endpoint }: CloudScenario): readonly string[] {
  return endpoint.calls
    .filter(({ action, params }) => action === 'RunInstances' && params.get('DryRun') !== 'true')
    .map(({ params }) => `${params.get('MinCount')} to ${params.get('MaxCount')}`);
}

/** Of 15 machines that run, 2 are stopped, 1 is stopping, 1 starts, 2 are terminated and 2 shut down afterwards. */
async function disturb({ endpoint }: CloudScenario): Promise<void> {
  const api = await openEc2Api(configOf(endpoint));
  onTestFinished(() => api.close());
  const cancel = { signal: new AbortController().signal };
  const ids = endpoint
    .instances()
    .toSorted((one, other) => one.launchIndex - other.launchIndex)
    .map(({ id }) => id);
  const { settings } = endpoint;
  await api.stopInstances(ids.slice(0, 4), cancel);
  await api.terminateInstances(ids.slice(9, 11), cancel);
  Object.assign(settings, { bootTime: 1_500, stopTime: 1_500, endTime: 1_500 });
  await until(() => endpoint.instances().filter(({ state }) => state === 'stopped').length === 4);
  await api.startInstances(ids.slice(3, 4), cancel);
  await api.stopInstances(ids.slice(2, 3), cancel);
  await api.startInstances(ids.slice(2, 3), cancel);
  await api.stopInstances(ids.slice(4, 5), cancel);
  await api.terminateInstances(ids.slice(11, 13), cancel);
}

async function keepsTheUsable(space: CloudScenario, before: readonly (string | null)[]): Promise<void> {
  const after = await idsOf(space);
  const status = await space.status('fleet');
  expect(status).toMatchObject({ state: 'ready' });
  expect(
    after.map((id, index) => (id === before[index] ? '' : index)).filter((index) => index !== ''),
  ).toEqual([9, 10, 11, 12]);
  expect(space.endpoint.instances()).toHaveLength(19);
  expect(space.alive().toSorted()).toEqual(after.toSorted());
  expect(launches(space)).toEqual(['15 to 15', '4 to 4']);
}

describe.skipIf(missing !== undefined)(`on machines${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('repair of 15 machines, 11 of which are usable, launches 4 and starts those that are stopped', async () => {
    const space = await cloudScenario();
    expect((await space.run(['up', await fleet(space, '15')])).code).toBe(0);
    const before = await idsOf(space);
    await disturb(space);
    expect((await space.run(['repair', 'fleet', '--yes'])).code).toBe(0);
    await keepsTheUsable(space, before);
  });

  it('an interrupted up that goes on with 11 usable machines of 15 launches 4', async () => {
    const space = await cloudScenario();
    const interrupted = await space.run(['up', await fleet(space, '15')], {
      onStderr: (text, send) => {
        if (text.includes('launched')) send('SIGINT');
      },
    });
    expect(interrupted.code).toBe(130);
    const before = await idsOf(space);
    await disturb(space);
    expect((await space.run(['up', 'fleet.yml'])).code).toBe(0);
    await keepsTheUsable(space, before);
  });

  it('a quota that leaves less than max is enough from min on, and the reason is told', async () => {
    const space = await cloudScenario();
    const { endpoint, run } = space;
    endpoint.quota({ onDemand: 4 });
    const up = await run(['up', await fleet(space, '{ min: 2, max: 5 }')]);
    expect(up).toMatchObject({ code: 0, stdout: '' });
    expect(up.stderr).toContain('EC2 launched 2 of 5 t3.micro in us-west-2 (tries again)');
    expect(up.stderr).toContain('fleet is ready');
    expect(up.stderr).toContain('2 machines (3 fewer than asked for)');
    const notNeeded = up.stderr.slice(up.stderr.indexOf('Not ready, and not needed:')).split('\n');
    expect(notNeeded[1]).toMatch(/^ {2}web-2, web-3, web-4 {2}launch failed: .*VcpuLimitExceeded: /);
    expect(notNeeded[1]).toContain(`The quota is ${QUOTA} in us-west-2`);
    const status = await space.status('fleet');
    expect(status.levels[0]?.services[0]).toMatchObject({ count: 5, min: 2, ready: 2, state: 'degraded' });
    expect(states(status)).toEqual([
      'web-0 ready',
      'web-1 ready',
      'web-2 failed',
      'web-3 failed',
      'web-4 failed',
    ]);
    expect((await run(['status', 'fleet'])).code).toBe(0);
  });

  it('a full quota does not fail what has its min already, and is told', async () => {
    const space = await cloudScenario();
    const { endpoint, run } = space;
    endpoint.quota({ onDemand: 4 });
    expect((await run(['up', await fleet(space, '{ min: 2, max: 2 }')])).code).toBe(0);
    const before = await idsOf(space);
    const grown = await run(['up', await fleet(space, '{ min: 2, max: 5 }')]);
    expect(grown.code).toBe(0);
    expect(grown.stderr).toContain('2 machines (3 fewer than asked for)');
    expect(grown.stderr).toMatch(
      /\n {2}web-2, web-3, web-4 {2}launch failed: .*VcpuLimitExceeded: .*\(L-1216C47A\)/,
    );
    expect((await space.status('fleet')).state).toBe('degraded');

    const json = await run(['up', 'fleet.yml', '--json']);
    expect([json.code, json.stderr]).toEqual([0, '']);
    const failure: unknown = expect.objectContaining({ message: expect.stringContaining(QUOTA) as unknown });
    expect(jsonLines(json.stdout).at(-1)).toMatchObject({
      type: 'result',
      outcome: 'succeeded',
      deployments: [{ state: 'degraded', failures: [failure, failure, failure] }],
    });

    endpoint.quota({ onDemand: 10 });
    expect((await run(['up', 'fleet.yml'])).code).toBe(0);
    const grew = await idsOf(space);
    expect(grew.slice(0, 2)).toEqual(before);

    const shrunk = await run(['up', await fleet(space, '{ min: 1, max: 3 }'), '--yes']);
    expect(shrunk.code).toBe(0);
    expect(space.alive().toSorted(), 'the two highest went').toEqual(grew.slice(0, 3).toSorted());
  });
});

describe('a quota that leaves less than min fails with its name, and nothing is half recorded', () => {
  it.each([
    ['where EC2 tells it', [], 'Nothing was launched.'],
    ['where EC2 tells it at the launch only', ['ListServiceQuotas'], 'VcpuLimitExceeded: '],
  ])('%s', async (_, denied, says) => {
    const cloud = await openEmptyCloud();
    onTestFinished(() => cloud[Symbol.asyncDispose]());
    const { endpoint, run } = cloud;
    endpoint.quota({ onDemand: 4 });
    endpoint.deny(denied);
    const levels = 'levels: [{ name: one, services: { web: { count: { min: 3, max: 5 } } } }]';
    const up = await run(['up', await writePlan(cloud, 'fleet', levels)]);
    expect(up.code).toBe(1);
    expect(up.stderr).toContain(says);
    expect(up.stderr).toContain(QUOTA);
    expect(up.stderr).toMatch(
      /[Aa]sk for more .*, or (?:use|ask for) fewer|[Aa]sk for more .*; or use fewer/,
    );
    expect(endpoint.instances()).toEqual([]);
    const again = await run(['up', 'fleet.yml', '--json']);
    expect(again.code).toBe(1);
    const tokens = jsonLines(again.stdout).flatMap(({ type, batch }) =>
      type === 'launch-requested' ? [(batch as { readonly token: string }).token] : [],
    );
    const made = endpoint.calls.flatMap(({ params }) => params.get('ClientToken') ?? []);
    expect(
      tokens.filter((token) => made.indexOf(token) !== made.lastIndexOf(token)),
      'repeated',
    ).toEqual([]);
    endpoint.deny([]);
    const { length } = endpoint.calls;
    expect(await run(['down', 'fleet', '--yes'])).toMatchObject({ code: 0 });
    expect(endpoint.calls.slice(length).filter(({ action }) => action === 'RunInstances')).toEqual([]);
    expect(await takeAllDown(cloud)).toEqual([]);
  });
});
