import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEc2Api } from '../../src/providers/ec2/ec2-client.ts';
import { configOf } from '../providers/ec2/provider-on-endpoint.ts';
import type { Ec2Endpoint } from '../support/ec2/endpoint.ts';
import { machinesMissing } from '../support/ec2/machines.ts';
import { cloudScenario } from './cloud-scenario.ts';
import { openScenario } from './scenario.ts';

const missing = machinesMissing();
const cancel = { signal: new AbortController().signal };
const LEVELS = 'levels: [{ name: one, services: { web: {} } }]\n';

interface Orphan {
  readonly kind: string;
  readonly id: string;
  readonly deployment: string;
  readonly owner: string;
  readonly stateDirectory: string;
  readonly removed: boolean;
}

function orphansOf(stdout: string): readonly Orphan[] {
  return (JSON.parse(stdout) as { readonly orphans: readonly Orphan[] }).orphans;
}

/** A volume with these tags that is left of an instance. */
async function leaveVolume(endpoint: Ec2Endpoint, tags: Readonly<Record<string, string>>): Promise<void> {
  const api = await openEc2Api(configOf(endpoint));
  const [instance] = await api.runInstances(
    {
      ImageId: endpoint.fixtures().debian,
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: false } }],
      TagSpecifications: [
        { ResourceType: 'volume', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
      ],
    },
    cancel,
  );
  await api.terminateInstances([instance?.id ?? ''], cancel);
  api.close();
}

describe.skipIf(missing !== undefined)(`on machines${missing === undefined ? '' : `: ${missing}`}`, () => {
  it('gc removes what is ours and in no record, and what another state directory made only for its owner', async () => {
    const space = await cloudScenario();
    const { endpoint, env, run } = space;
    await space.plan('lost', LEVELS);
    expect((await run(['up', 'lost.yml'])).code).toBe(0);
    const [lost = ''] = space.alive();
    await leaveVolume(endpoint, endpoint.instances().find(({ id }) => id === lost)?.tags ?? {});
    const elsewhere = await openScenario();
    const other = (argv: readonly string[]) => elsewhere.run(argv, { env, cwd: space.path });
    await space.plan('others', LEVELS);
    expect((await other(['up', 'others.yml'])).code).toBe(0);
    const [foreign = ''] = space.alive().filter((id) => id !== lost);
    for (const name of ['state.db', 'state.db-wal', 'state.db-shm'])
      await rm(join(space.stateDirectory, name), { force: true });
    await space.plan('kept', LEVELS);
    expect((await run(['up', 'kept.yml'])).code).toBe(0);
    const kept = space.alive().filter((id) => id !== lost && id !== foreign);

    const shown = orphansOf((await run(['gc', '--json'])).stdout);
    const kinds = (deployment: string) =>
      shown
        .flatMap((one) => (one.deployment === deployment ? [`${one.kind} ${one.stateDirectory}`] : []))
        .toSorted();
    expect(kinds('lost')).toEqual(['key pair this', 'machine this', 'security group this', 'volume this']);
    expect(kinds('others')).toEqual(['key pair another', 'machine another', 'security group another']);
    expect(kinds('kept')).toEqual([]);

    const deleted = await run(['gc', '--delete', '--yes']);
    expect(deleted.code).toBe(0);
    expect(space.alive().toSorted()).toEqual([foreign, ...kept].toSorted());
    expect(
      endpoint
        .keyPairs()
        .map(({ tags }) => tags['plan:deployment'])
        .toSorted(),
    ).toEqual(['kept', 'others']);
    expect(
      endpoint
        .securityGroups()
        .map(({ tags }) => tags['plan:deployment'])
        .toSorted(),
    ).toEqual(['kept', 'others']);
    expect((await other(['up', 'others.yml'])).stderr).toContain('there is nothing to do');

    const owner = shown.find(({ deployment }) => deployment === 'others')?.owner ?? '';
    expect((await run(['gc', '--delete', '--yes', '--owner', owner])).code).toBe(0);
    expect(space.alive()).toEqual(kept);
    expect(endpoint.keyPairs().map(({ tags }) => tags['plan:deployment'])).toEqual(['kept']);
    expect(endpoint.volumes().map(({ instanceId }) => instanceId)).toEqual(kept);
    expect((await other(['down', '--yes', 'others'])).code).toBe(0);
    await elsewhere[Symbol.asyncDispose]();
  });
});
