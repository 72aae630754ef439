import { expect, it } from 'vitest';
import type { Call } from '../support/ec2/dispatch.ts';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import { openEc2Api } from '../../src/providers/ec2/ec2-client.ts';
import { configOf } from '../providers/ec2/provider-on-endpoint.ts';
import { until } from '../support/until.ts';
import { ec2Operations } from '../support/ec2-operation.ts';

const cancel = { signal: new AbortController().signal };
const MACHINES = 100;
/** Thirty intervals, as of a boot that takes 30 s and is looked at each second. */
const POLL = 100;
const BOOT = 30 * POLL;

it('a hundred machines of one service need few calls of EC2', async () => {
  await using endpoint = await startEc2Endpoint({ settings: { bootTime: BOOT } });
  const address = { ...endpoint, image: endpoint.fixtures().debian };
  await using operations = await ec2Operations(address, {
    machines: MACHINES,
    pollInterval: `${POLL}ms`,
  });
  expect(await operations.up()).toMatchObject({ outcome: 'succeeded' });
  const calls = [...endpoint.calls];
  const count = (is: (call: Call) => boolean): number => calls.filter(is).length;
  const launching = count(isLaunching);
  const rehearsals = count((call) => isLaunching(call) && call.params.get('DryRun') === 'true');
  const describing = count(({ action }) => action.startsWith('Describe'));
  const naming = count(({ action }) => action === 'CreateTags');
  expect(launching, 'dry runs included').toBeLessThanOrEqual(5);
  expect(rehearsals, 'dry runs').toBeLessThanOrEqual(1);
  expect(launching - rehearsals, 'launches, of at most a hundred machines each').toBe(1);
  expect(describing, 'every Describe* call, those of the checks included').toBeLessThanOrEqual(60);
  expect(naming, 'the name of each machine, unless the operation ends first').toBeLessThanOrEqual(MACHINES);
  expect(calls.length - launching - describing - naming, 'all others').toBeLessThanOrEqual(8);
  expect(reported(operations.events)).toEqual({ made: calls.length, machines: MACHINES });
});

it(
  'a thousand machines that are stopped are started with few calls of EC2',
  { timeout: 120_000 },
  async () => {
    await using endpoint = await startEc2Endpoint();
    endpoint.quota({ onDemand: 100_000 });
    const machines = 1_000;
    const address = { ...endpoint, image: endpoint.fixtures().debian };
    await using operations = await ec2Operations(address, { machines, pollInterval: '100ms' });
    expect(await operations.up()).toMatchObject({ outcome: 'succeeded' });
    const api = await openEc2Api(configOf(endpoint));
    const ids = endpoint.instances().map(({ id }) => id);
    for (let from = 0; from < machines; from += 500)
      await api.stopInstances(ids.slice(from, from + 500), cancel);
    api.close();
    await until(() => endpoint.instances().every(({ state }) => state === 'stopped'));
    const before = endpoint.calls.length;
    expect(await operations.repair()).toMatchObject({ outcome: 'succeeded' });
    const calls = endpoint.calls.slice(before).map(({ action }) => action);
    expect(calls.filter((action) => action === 'StartInstances').length).toBeLessThanOrEqual(4);
    expect(calls).not.toContain('RunInstances');
    expect(endpoint.instances().filter(({ state }) => state !== 'running')).toEqual([]);
  },
);

function isLaunching({ action }: Call): boolean {
  return action === 'RunInstances';
}

/** What the operation says of its calls. */
function reported(events: Awaited<ReturnType<typeof ec2Operations>>['events']): {
  readonly made: number;
  readonly machines: number;
} {
  const found = events.find(({ type }) => type === 'api-calls');
  if (found?.type !== 'api-calls') return { made: 0, machines: 0 };
  return {
    made: Object.values(found.calls).reduce((sum, calls) => sum + calls, 0),
    machines: found.machines,
  };
}
