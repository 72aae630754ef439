import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { StateError } from '../../../src/errors.ts';
import { ensureKeyPair } from '../../../src/keys.ts';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { ensureMadeKeyPair } from '../../../src/providers/ec2/key-pair.ts';
import { createNetworks } from '../../../src/providers/ec2/networks.ts';
import { createMadeGroups } from '../../../src/providers/ec2/security-group.ts';
import { ec2Tags } from '../../../src/providers/ec2/tags.ts';
import { ProviderError } from '../../../src/providers/provider.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { cancel, providerOnEndpoint, TAGS } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

const NAME = 'plan-shop-1234abcd';
const OURS = {
  'plan:deployment': 'shop',
  'plan:uuid': TAGS.uuid,
  'plan:owner': 'ann@host',
  'plan:state': 'here',
};

describe('prepare() on EC2', () => {
  it("makes a key pair of the state directory's key and a group that lets the operator and itself in", async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider, stateDirectory } = subject;
    await provider.prepare(TAGS, [subject.request()], cancel);
    const { publicKey } = ensureKeyPair(join(stateDirectory, 'keys'));
    const [pair] = endpoint.keyPairs();
    expect(pair).toMatchObject({ name: NAME, tags: OURS });
    expect(pair?.publicKey).toContain(publicKey);
    const [group] = endpoint.securityGroups();
    expect(group).toMatchObject({ name: NAME, tags: OURS, vpcId: endpoint.fixtures().vpc });
    expect(group?.ingress.map(({ protocol, from, peer }) => [protocol, from, peer.value])).toEqual(
      expect.arrayContaining([
        ['-1', null, group?.id],
        ['tcp', 22, '127.0.0.1/32'],
      ]),
    );
  });

  it('makes nothing again, and is cheap then', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    await provider.prepare(TAGS, [subject.request(), subject.request()], cancel);
    const again = await subject.open();
    await again.prepare(TAGS, [subject.request()], cancel);
    expect(endpoint.keyPairs()).toHaveLength(1);
    expect(endpoint.securityGroups()).toHaveLength(1);
    const before = endpoint.calls.length;
    await again.prepare(TAGS, [subject.request()], cancel);
    expect(endpoint.calls.length - before).toBeLessThanOrEqual(2);
  });

  it('makes one group for subnets of the same VPC', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    const { subnets, vpc } = endpoint.fixtures();
    await provider.prepare(TAGS, [subject.request({ subnetId: [...subnets] }), subject.request()], cancel);
    expect(endpoint.securityGroups().map(({ vpcId }) => vpcId)).toEqual([vpc]);
  });

  it('makes nothing where every request names its own', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    const own = { keyName: 'mine', securityGroupIds: [endpoint.fixtures().defaultGroup] };
    await provider.prepare(TAGS, [subject.request(own)], cancel);
    await provider.prepare(TAGS, [subject.request({ instanceType: 7 })], cancel);
    expect(endpoint.keyPairs()).toEqual([]);
    expect(endpoint.securityGroups()).toEqual([]);
  });

  it('admits the address blocks of the configuration, and a new one later', async () => {
    await using subject = await providerOnEndpoint({}, { sshFrom: ['203.0.113.0/24', '2001:db8::/32'] });
    const { endpoint, provider } = subject;
    const admitted = (): readonly string[] =>
      (endpoint.securityGroups()[0]?.ingress ?? []).flatMap(({ protocol, peer }) =>
        protocol === 'tcp' ? [peer.value] : [],
      );
    await provider.prepare(TAGS, [subject.request()], cancel);
    expect(admitted()).toEqual(['203.0.113.0/24', '2001:db8::/32']);
    const moved = await subject.open({ sshFrom: [] }, { operator: () => Promise.resolve('192.0.2.9/32') });
    await moved.prepare(TAGS, [subject.request()], cancel);
    expect(admitted().toSorted()).toEqual(['192.0.2.9/32', '2001:db8::/32', '203.0.113.0/24']);
  });

  it('admits the ports where a plan says that sshd listens, also those that it says later', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    const ports = (): readonly (number | null)[] =>
      (endpoint.securityGroups()[0]?.ingress ?? []).flatMap(({ protocol, from }) =>
        protocol === 'tcp' ? [from] : [],
      );
    const requests = [subject.request({}, { sshPorts: [2222] }), subject.request({}, { sshPorts: [22] })];
    await provider.prepare(TAGS, requests, cancel);
    expect(ports()).toEqual([22, 2222]);
    await provider.resolve(subject.request({}, { sshPorts: [2200, 2222] }), cancel);
    expect(ports()).toEqual([22, 2222, 2200]);
  });

  it('finds what an earlier call made whose answer was lost', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    for (const action of ['ImportKeyPair', 'CreateSecurityGroup'])
      endpoint.break(action, { how: 'drop-after-effect' });
    await provider.prepare(TAGS, [subject.request()], cancel);
    expect(endpoint.keyPairs()).toHaveLength(1);
    expect(endpoint.securityGroups()).toHaveLength(1);
    expect(await subject.launch(1)).toHaveLength(1);
  });

  it("never touches things of the same name that are somebody else's", async () => {
    await using subject = await providerOnEndpoint();
    const { api, provider } = subject;
    const { publicKey } = ensureKeyPair(join(subject.stateDirectory, 'keys'));
    await api.importKeyPair({ name: NAME, publicKey, tags: {} }, cancel);
    const requests = [subject.request()];
    await expect(provider.prepare(TAGS, requests, cancel)).rejects.toThrow(
      new ProviderError(
        `Cannot make key pair "${NAME}": one of that name is there and does not carry the tags of this deployment.\nRemove it, or name a key pair of your own with keyName.`,
      ),
    );
    await api.deleteKeyPair(NAME, cancel);
    const tags = ec2Tags({ ...TAGS, uuid: 'another' });
    await api.createSecurityGroup({ name: NAME, description: 'mine', vpcId: null, tags }, cancel);
    await expect(provider.prepare(TAGS, requests, cancel)).rejects.toThrow(
      /^Cannot make security group "plan-shop-1234abcd": one of that name, "sg-\w+", is there/,
    );
  });

  it('imports the key again when the state directory has lost it', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider, stateDirectory } = subject;
    await provider.prepare(TAGS, [subject.request()], cancel);
    const before = endpoint.keyPairs()[0]?.publicKey;
    rmSync(join(stateDirectory, 'keys'), { recursive: true });
    await provider.prepare(TAGS, [subject.request()], cancel);
    expect(endpoint.keyPairs()).toHaveLength(1);
    expect(endpoint.keyPairs()[0]?.publicKey).not.toBe(before);
  });

  it('says which subnet is missing, and which key cannot be read', async () => {
    await using subject = await providerOnEndpoint();
    const missing = subject.request({ subnetId: 'subnet-0123456789abcdef0' });
    await expect(subject.provider.prepare(TAGS, [missing], cancel)).rejects.toThrow(
      /^EC2 refused DescribeSubnets: InvalidSubnetID.NotFound: /,
    );
    const nowhere = await subject.open({}, { stateDirectory: '/dev/null' });
    const made = nowhere.prepare(TAGS, [subject.request()], cancel);
    await expect(made).rejects.toThrow(ProviderError);
    await expect(made).rejects.toMatchObject({ cause: expect.any(StateError) as unknown });
  });
});

describe('made key pairs', () => {
  const duplicate = new Ec2Error('ImportKeyPair', 'InvalidKeyPair.Duplicate', 'it is there');
  const shown = { id: 'key-1', name: NAME, createdAt: null };
  const old = { ...shown, tags: { ...OURS, 'plan:key': 'of a key that is lost' } };

  it('are not taken for the one that they replace while EC2 still shows that', async () => {
    const stateDirectory = mkdtempSync(join(tmpdir(), 'plan ec2-keys-'));
    const imported: Readonly<Record<string, string>>[] = [];
    let deletions = 0;
    const api = scriptedApi({
      // Shown for a while after it was deleted, and found to be there by the imports of that time.
      describeKeyPairs: () => Promise.resolve([old]),
      deleteKeyPair: () => {
        deletions += 1;
        return Promise.resolve();
      },
      importKeyPair: ({ tags }) => {
        imported.push(tags);
        return imported.length > 3 ? Promise.resolve() : Promise.reject(duplicate);
      },
    });
    const clock = createVirtualClock();
    const from = clock.now();
    await ensureMadeKeyPair({ api, stateDirectory, clock }, TAGS, cancel);
    expect(imported).toHaveLength(4);
    expect(deletions).toBe(4);
    expect(clock.now() - from).toBeGreaterThan(3_000);
    rmSync(stateDirectory, { recursive: true });
  });

  it('are there when an earlier answer was lost, and shown a little later', async () => {
    const stateDirectory = mkdtempSync(join(tmpdir(), 'plan ec2-keys-'));
    let looks = 0;
    let tags: Readonly<Record<string, string>> = {};
    const api = scriptedApi({
      describeKeyPairs: () => Promise.resolve((looks += 1) > 5 ? [{ ...shown, tags }] : []),
      importKeyPair: (pair) => {
        tags = pair.tags;
        return Promise.reject(duplicate);
      },
    });
    await ensureMadeKeyPair({ api, stateDirectory, clock: createVirtualClock() }, TAGS, cancel);
    expect(looks).toBe(6);
    rmSync(stateDirectory, { recursive: true });
  });

  it('are given up in the end where another key stays in their place', async () => {
    const stateDirectory = mkdtempSync(join(tmpdir(), 'plan ec2-keys-'));
    const api = scriptedApi({
      describeKeyPairs: () => Promise.resolve([old]),
      deleteKeyPair: () => Promise.resolve(),
      importKeyPair: () => Promise.reject(duplicate),
    });
    const made = ensureMadeKeyPair({ api, stateDirectory, clock: createVirtualClock() }, TAGS, cancel);
    await expect(made).rejects.toBe(duplicate);
    rmSync(stateDirectory, { recursive: true });
  });
});

describe('made groups', () => {
  const duplicate = new Ec2Error('CreateSecurityGroup', 'InvalidGroup.Duplicate', 'it is there');
  const config = { endpoint: null, sshFrom: ['192.0.2.0/24'] };

  it('wait for a group that is there and not shown yet, and for rules that it does not take yet', async () => {
    const group = { id: 'sg-1', name: NAME, vpcId: null, account: '1', tags: OURS };
    let looks = 0;
    let rules = 0;
    const api = scriptedApi({
      describeSecurityGroups: () => Promise.resolve((looks += 1) > 6 ? [group] : []),
      createSecurityGroup: () => Promise.reject(duplicate),
      authorizeIngress: () =>
        (rules += 1) > 2
          ? Promise.resolve()
          : Promise.reject(new Ec2Error('AuthorizeSecurityGroupIngress', 'InvalidGroup.NotFound', 'no')),
    });
    const groups = createMadeGroups({ api, config, clock: createVirtualClock() });
    expect(await groups.ensure(TAGS, { vpcId: null, ports: [] }, cancel)).toBe('sg-1');
    expect(rules).toBe(3);
  });

  it('give up in the end, and begin again when asked again', async () => {
    const api = scriptedApi({
      describeSecurityGroups: () => Promise.resolve([]),
      createSecurityGroup: () => Promise.reject(duplicate),
    });
    const clock = createVirtualClock();
    const groups = createMadeGroups({ api, config, clock });
    const start = clock.now();
    await expect(groups.ensure(TAGS, { vpcId: 'vpc-1', ports: [] }, cancel)).rejects.toBe(duplicate);
    expect(clock.now() - start).toBe(60_000);
    await expect(groups.ensure(TAGS, { vpcId: 'vpc-1', ports: [] }, cancel)).rejects.toBe(duplicate);
  });

  it('are made once for callers at the same time', async () => {
    await using subject = await providerOnEndpoint();
    const made = createMadeGroups({ api: subject.api, config, clock: createVirtualClock() });
    const wanted = { vpcId: subject.endpoint.fixtures().vpc, ports: [2222] };
    const [one, other] = await Promise.all([
      made.ensure(TAGS, wanted, cancel),
      made.ensure(TAGS, wanted, cancel),
    ]);
    expect(one).toBe(other);
    expect(subject.api.calls.get('CreateSecurityGroup')).toBe(1);
    expect(subject.api.calls.get('AuthorizeSecurityGroupIngress')).toBe(2);
  });
});

it('networks are asked for once, and are none where a cloud knows no VPCs', async () => {
  let asked = 0;
  const networks = createNetworks(
    scriptedApi({
      describeVpcs: () => {
        asked += 1;
        return Promise.reject(new Ec2Error('DescribeVpcs', 'InvalidAction', 'no such thing'));
      },
    }),
  );
  expect(await networks.vpcOf(null, cancel)).toBeNull();
  expect(await networks.vpcOf(null, cancel)).toBeNull();
  expect(asked).toBe(1);
});
