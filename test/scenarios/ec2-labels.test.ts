import { describe, expect, it } from 'vitest';
import { openEc2Api } from '../../src/providers/ec2/ec2-client.ts';
import { configOf } from '../providers/ec2/provider-on-endpoint.ts';
import { machinesMissing } from '../support/ec2/machines.ts';
import { until } from '../support/until.ts';
import type { CloudScenario } from './cloud-scenario.ts';
import { cloudScenario } from './cloud-scenario.ts';

const missing = machinesMissing();
const cancel = { signal: new AbortController().signal };

function labelled({ plan }: CloudScenario, labels: string): Promise<string> {
  return plan(
    'fleet',
    `levels: [{ name: one, services: { web: { count: 2, labels: ${labels}, ec2: { tags: { team: red } } } } }]\n`,
  );
}

describe.skipIf(missing !== undefined)(`on machines${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('labels follow the plan without replacing a machine; tags of others stay', async () => {
    const space = await cloudScenario();
    const { endpoint, run } = space;
    expect((await run(['up', await labelled(space, '{ tier: front, old: "1" }')])).code).toBe(0);
    const ids = space.alive();
    const api = await openEc2Api(configOf(endpoint));
    await api.createTags(ids, { foreign: 'kept' }, cancel);
    api.close();
    const tags = () => endpoint.instances().map((instance) => instance.tags);
    await until(() => tags().every(({ Name }) => /^web-[01]$/.test(Name ?? '')));
    for (const one of tags())
      expect(one).toMatchObject({
        tier: 'front',
        old: '1',
        team: 'red',
        foreign: 'kept',
        'plan:deployment': 'fleet',
        'plan:service': 'web',
      });
    const { length } = endpoint.calls;
    const diff = await run(['diff', await labelled(space, '{ tier: back, new: "2" }')]);
    expect(diff.stdout).toContain('label again web-0, web-1');
    const up = await run(['up', 'fleet.yml']);
    expect(up.code).toBe(0);
    expect(up.stderr).toContain('web-0  labelled');
    expect(space.alive()).toEqual(ids);
    const calls = endpoint.calls.slice(length).map(({ action }) => action);
    expect(calls).not.toContain('RunInstances');
    for (const one of tags()) {
      expect(one).toMatchObject({ tier: 'back', new: '2', team: 'red', foreign: 'kept' });
      expect(Object.keys(one)).not.toContain('old');
    }
    expect((await run(['up', 'fleet.yml'])).stderr).toContain('there is nothing to do');
  });
});
