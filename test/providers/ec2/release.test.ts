import { describe, expect, it } from 'vitest';

import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { release, removeGroup } from '../../../src/providers/ec2/release.ts';
import { ec2Tags } from '../../../src/providers/ec2/tags.ts';
import type { Holding } from '../../../src/providers/provider.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { cancel, providerOnEndpoint, TAGS } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

const OTHER = { ...TAGS, deployment: 'bank', uuid: '99999999-1111' };

/** A machine whose volume outlives it. */
function withVolume(image: string, tags: Readonly<Record<string, string>>): Readonly<Record<string, never>> {
  const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    ImageId: image,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: false } }],
    TagSpecifications: ['instance', 'volume'].map((ResourceType) => ({ ResourceType, Tags: list })),
  } as never;
}

describe('release() on EC2', () => {
  it('waits for the end of the machines and leaves nothing of the deployment, and all of others', async () => {
    await using subject = await providerOnEndpoint({ settings: { endTime: 100 } });
    const { api, endpoint, provider } = subject;
    await provider.prepare(OTHER, [subject.request({}, { tags: OTHER })], cancel);
    await subject.launch(2);
    await api.runInstances(withVolume(subject.image, ec2Tags(TAGS)), cancel);
    const ids = (await provider.list({ uuid: TAGS.uuid }, cancel)).map(({ id }) => id);
    expect(ids).toHaveLength(3);
    await provider.terminate(ids, cancel);
    await provider.release(TAGS, cancel);
    expect(endpoint.instances().every(({ state }) => state === 'terminated')).toBe(true);
    expect(endpoint.volumes().filter(({ state }) => state === 'available')).toEqual([]);
    expect(endpoint.keyPairs().map(({ name }) => name)).toEqual(['plan-bank-99999999']);
    expect(endpoint.securityGroups().map(({ name }) => name)).toEqual(['plan-bank-99999999']);
    await provider.release(TAGS, cancel);
    await provider.release(OTHER, cancel);
    expect(endpoint.securityGroups()).toEqual([]);
    expect(await subject.launch(1)).toHaveLength(1);
  });

  it('ends when it is cancelled while machines are there', async () => {
    await using subject = await providerOnEndpoint();
    await subject.launch(1);
    const reason = new Error('interrupted');
    const aborted = new AbortController();
    const released = subject.provider.release(TAGS, { signal: aborted.signal });
    setImmediate(() => aborted.abort(reason));
    await expect(released).rejects.toBe(reason);
  });

  it('removes a group when its last interface is gone, and gives up after five minutes', async () => {
    const inUse = new Ec2Error('DeleteSecurityGroup', 'DependencyViolation', 'it has a dependent object');
    let tries = 0;
    const clock = createVirtualClock();
    const soon = scriptedApi({
      deleteSecurityGroup: () => ((tries += 1) > 5 ? Promise.resolve() : Promise.reject(inUse)),
    });
    await removeGroup({ api: soon, clock }, 'sg-1', cancel);
    expect(tries).toBe(6);
    const none = { describeKeyPairs: () => Promise.resolve([]), describeVolumes: () => Promise.resolve([]) };
    const never = scriptedApi({
      ...none,
      findInstances: () => Promise.resolve([]),
      describeSecurityGroups: () =>
        Promise.resolve([{ id: 'sg-1', name: 'x', vpcId: null, account: '1', tags: ec2Tags(TAGS) }]),
      deleteSecurityGroup: () => Promise.reject(inUse),
    });
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const start = clock.now();
    await expect(release({ api: never, account, clock, pollInterval: 1 }, TAGS, cancel)).rejects.toThrow(
      'Cannot remove security group "sg-1": it is still in use (DependencyViolation: it has a dependent object).\nEnd what uses it',
    );
    expect(clock.now() - start).toBe(300_000);
  });

  it('names machines that nobody accounts for, and does not wait for them for ever', async () => {
    const clock = createVirtualClock();
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const strays = Array.from({ length: 11 }, (_, nth) => ({
      id: `i-${nth}`,
      state: 'running',
      tags: ec2Tags(TAGS),
    }));
    const api = scriptedApi({ findInstances: () => Promise.resolve(strays as never) });
    const released = release({ api, account, clock, pollInterval: 1_000 }, TAGS, cancel);
    await expect(released).rejects.toThrow(
      /^Cannot remove what was made for machines: some are still there, "i-0" \(running\), .* and 1 more\.\nEnd those/,
    );
  });

  it('waits for volumes that ended machines still hold, and tells which one is not let go', async () => {
    const clock = createVirtualClock();
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const none = () => Promise.resolve([]);
    const volume = { id: 'vol-1', createdAt: 0, tags: ec2Tags(TAGS) };
    const deleted: string[] = [];
    let heldUntil = clock.now() + 3_000;
    const api = scriptedApi({
      findInstances: none,
      describeSecurityGroups: none,
      describeKeyPairs: none,
      describeVolumes: ({ status = [] }) => {
        const state = clock.now() < heldUntil ? 'in-use' : 'available';
        const isShown = deleted.length === 0 && status.includes(state);
        return Promise.resolve(isShown ? [{ ...volume, state }] : []);
      },
      deleteVolume: (id) => Promise.resolve(void deleted.push(id)),
    });
    await release({ api, account, clock, pollInterval: 1_000 }, TAGS, cancel);
    expect(deleted).toEqual(['vol-1']);
    deleted.length = 0;
    heldUntil = Infinity;
    await expect(release({ api, account, clock, pollInterval: 1_000 }, TAGS, cancel)).rejects.toThrow(
      'Cannot remove volume "vol-1": it is still in use.',
    );
  });

  it('removes nothing that a cloud shows against its filters', async () => {
    const foreign = { id: 'x-1', name: 'mine', tags: {} };
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const api = scriptedApi({
      findInstances: () => Promise.resolve([foreign] as never),
      describeSecurityGroups: () => Promise.resolve([foreign] as never),
      describeKeyPairs: () => Promise.resolve([foreign] as never),
      describeVolumes: () => Promise.resolve([{ ...foreign, state: 'available' }] as never),
    });
    await release({ api, account, clock: createVirtualClock(), pollInterval: 1 }, TAGS, cancel);
  });
});

describe('holdings() and remove() on EC2', () => {
  it('tell everything that carries a uuid, and remove it, machines first', async () => {
    await using subject = await providerOnEndpoint({ settings: { endTime: 50 } });
    const { api, endpoint, provider } = subject;
    const ids = await subject.launch(2);
    const [left] = await api.runInstances(withVolume(subject.image, ec2Tags(OTHER)), cancel);
    await api.terminateInstances([left?.id ?? ''], cancel);
    await expect.poll(async () => (await provider.list(OTHER, cancel)).length).toBe(0);
    await api.runInstances(withVolume(subject.image, {}), cancel);
    const found = await provider.holdings(cancel);
    expect(found.map(({ kind }) => kind).toSorted()).toEqual([
      'key pair',
      'machine',
      'machine',
      'security group',
      'volume',
    ]);
    const machine = found.find(({ id }) => id === ids[0]);
    expect(machine).toMatchObject({ tags: TAGS, token: 'batch-1', since: expect.any(Number) as number });
    expect(found.find(({ kind }) => kind === 'volume')).toMatchObject({ tags: OTHER, token: null });
    expect(found.find(({ kind }) => kind === 'key pair')?.name).toBe('plan-shop-1234abcd');
    const gone: Holding = {
      kind: 'volume',
      id: 'vol-0123456789abcdef0',
      name: null,
      tags: {},
      token: null,
      since: null,
    };
    const answers = await provider.remove([...found, gone], cancel);
    expect([...answers.values()].map(({ kind }) => kind)).toEqual(Array(6).fill('accepted'));
    expect(await provider.holdings(cancel)).toEqual([]);
    expect(endpoint.instances().filter(({ state }) => state !== 'terminated')).toHaveLength(1);
  });

  it('remove the others when one cannot be removed', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    await subject.launch(1);
    const found = (await provider.holdings(cancel)).filter(({ kind }) => kind !== 'machine');
    endpoint.deny(['DeleteKeyPair']);
    const answers = await provider.remove(await provider.holdings(cancel), cancel);
    const pair = found.find(({ kind }) => kind === 'key pair')?.id ?? '';
    expect(answers.get(pair)).toMatchObject({ kind: 'cannot', why: /UnauthorizedOperation/ });
    expect(endpoint.securityGroups()).toEqual([]);
    const moon: Holding = { kind: 'moon', id: 'm-1', name: null, tags: {}, token: null, since: null };
    await expect(provider.remove([moon], cancel)).rejects.toThrow(
      'Cannot remove "m-1": there is no such kind of thing on EC2, "moon"',
    );
  });
});
