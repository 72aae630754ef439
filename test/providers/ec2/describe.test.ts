import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import type { Ec2Instance } from '../../../src/providers/ec2/api.ts';
import { describeAll, observationOf } from '../../../src/providers/ec2/describe.ts';
import { madeName, usualKeyPaths } from '../../../src/providers/ec2/made-names.ts';
import { cancel, providerOnEndpoint, TAGS } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';
import { sshAccess } from '../../support/ssh-access.ts';

const INSTANCE: Ec2Instance = {
  id: 'i-1',
  state: 'running',
  reason: null,
  privateIp: '10.0.0.5',
  publicIp: '203.0.113.5',
  privateDnsName: 'ip-10-0-0-5.ec2.internal',
  type: 't3.micro',
  imageId: 'ami-1',
  keyName: 'mine',
  zone: 'us-west-2a',
  account: '123456789012',
  clientToken: 'token-1',
  launchIndex: 4,
  launchedAt: 0,
  tags: { 'plan:user': 'admin' },
};

describe('observationOf()', () => {
  const home = mkdtempSync(join(tmpdir(), 'plan home-'));
  beforeAll(() => {
    vi.stubEnv('HOME', home);
    mkdirSync(join(home, '.ssh'));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true });
  });
  const keyOf = (instance: Partial<Ec2Instance>): string | null =>
    sshAccess(observationOf({ ...INSTANCE, ...instance }, '/state').access).privateKey;

  it('tells how a running instance is reached: by siblings at its private address, by the operator at the public one', () => {
    expect(observationOf(INSTANCE, '/state')).toEqual({
      id: 'i-1',
      state: 'running',
      reason: null,
      addresses: {
        hostname: '10.0.0.5',
        address: '203.0.113.5',
        privateIp: '10.0.0.5',
        publicIp: '203.0.113.5',
      },
      access: {
        kind: 'ssh',
        host: '203.0.113.5',
        port: 22,
        user: 'admin',
        privateKey: join(home, '.ssh/mine.pem'),
        hostKey: null,
      },
      batch: { token: 'token-1', index: 4 },
    });
    const { addresses, access } = observationOf({ ...INSTANCE, publicIp: null, tags: {} }, '/state');
    expect(addresses?.address).toBe('10.0.0.5');
    expect(access).toMatchObject({ host: '10.0.0.5', user: 'ec2-user' });
  });

  it('takes a running instance without addresses for pending', () => {
    expect(observationOf({ ...INSTANCE, publicIp: null, privateIp: null }, '/state')).toMatchObject({
      state: 'pending',
      addresses: null,
      access: null,
    });
  });

  it("has a word of the port's for every state, and EC2's reason", () => {
    const reason = 'Server.SpotInstanceTermination: Spot instance termination';
    const states = (['pending', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const).map((state) =>
      observationOf({ ...INSTANCE, state, reason }, '/state'),
    );
    expect(states.map(({ state }) => state)).toEqual([
      'pending',
      'stopping',
      'stopped',
      'terminating',
      'terminated',
    ]);
    expect(states.every((one) => one.reason === reason && one.addresses === null)).toBe(true);
  });

  it('knows a batch by its tag where the client token is not told, and a foreign instance by neither', () => {
    const tags = { 'plan:batch': 'token-2' };
    expect(observationOf({ ...INSTANCE, clientToken: null, tags }, '/state').batch?.token).toBe('token-2');
    expect(observationOf({ ...INSTANCE, clientToken: '' }, '/state').batch).toBeNull();
  });

  it("opens it with the state directory's key where the key pair is the made one", () => {
    const tags = { 'plan:deployment': 'shop', 'plan:uuid': TAGS.uuid };
    expect(keyOf({ keyName: madeName(TAGS), tags })).toBe('/state/keys/id_ed25519');
    expect(keyOf({ keyName: 'plan-other-12345678', tags })).toBe(join(home, '.ssh/plan-other-12345678.pem'));
  });

  it('finds the key of a key pair where people keep it', () => {
    expect(keyOf({ keyName: 'team' })).toBe(join(home, '.ssh/team.pem'));
    writeFileSync(join(home, '.ssh/id_rsa'), '');
    expect(keyOf({ keyName: 'team' })).toBe(join(home, '.ssh/id_rsa'));
    writeFileSync(join(home, '.ssh/team'), '');
    expect(keyOf({ keyName: 'team' })).toBe(join(home, '.ssh/team'));
    expect(keyOf({ keyName: null })).toBe(join(home, '.ssh/id_rsa'));
  });
});

it('usualKeyPaths() looks into the home directory', () => {
  expect(usualKeyPaths(null)[0]).toBe(join(homedir(), '.ssh/id_ed25519'));
});

describe('describe()', () => {
  it('asks once for each thousand, and slows down with them', async () => {
    const calls: number[] = [];
    const api = scriptedApi({
      describeInstances(ids) {
        calls.push(ids.length);
        return Promise.resolve(ids.map((id) => ({ ...INSTANCE, id })));
      },
    });
    const account = { number: () => Promise.resolve(null), mustOwn: () => Promise.resolve() };
    const ids = Array.from({ length: 2_500 }, (_, index) => `i-${index}`);
    const found = await describeAll({ api, account, stateDirectory: '/state' }, ids, cancel);
    expect(calls).toEqual([1_000, 1_000, 500]);
    expect([...found.keys()]).toEqual(ids);
    await using subject = await providerOnEndpoint();
    const provider = await subject.open({ pollInterval: 20 }, { api });
    expect(provider.pollInterval).toBe(20);
    await provider.describe(ids, cancel);
    expect(provider.pollInterval).toBe(60);
  });

  it('answers unknown for what EC2 does not know yet, and for what is no id', async () => {
    await using subject = await providerOnEndpoint({ settings: { lag: 60_000 } });
    const ids = await subject.launch(2);
    const found = await subject.provider.describe([...ids, 'none', 'i-0123456789abcdef0'], cancel);
    expect([...found.values()].map(({ state }) => state)).toEqual([
      'unknown',
      'unknown',
      'unknown',
      'unknown',
    ]);
  });

  it("tells EC2's reason of a machine that ends while it boots", async () => {
    await using subject = await providerOnEndpoint({ settings: { bootTime: 60_000 } });
    subject.endpoint.stillborn();
    const [id = ''] = await subject.launch(1);
    expect((await subject.provider.describe([id], cancel)).get(id)).toMatchObject({
      state: 'terminated',
      reason: expect.stringMatching(/^Server\./) as string,
    });
  });

  it('rejects with what EC2 answers when it refuses, and what to do', async () => {
    await using subject = await providerOnEndpoint();
    const [id = ''] = await subject.launch(1);
    subject.endpoint.expire();
    await expect(subject.provider.describe([id], cancel)).rejects.toThrow(
      /^EC2 refused DescribeInstances: \w+: [^]*\n[A-Z].*\.$/,
    );
  });
});
