import { expect, it } from 'vitest';
import type { Call } from '../support/ec2/dispatch.ts';
import { startEc2Endpoint } from '../support/ec2/endpoint.ts';
import { ec2Operations } from '../support/ec2-operation.ts';

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
