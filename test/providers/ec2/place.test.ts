import { describe, expect, it } from 'vitest';

import { UsageError } from '../../../src/errors.ts';
import { Ec2Error } from '../../../src/providers/ec2/api.ts';
import { createAccount, formatPlace, parsePlace } from '../../../src/providers/ec2/place.ts';
import { randomAccount } from '../../support/ec2/endpoint.ts';
import { cancel, providerOnEndpoint, TAGS } from './provider-on-endpoint.ts';
import { scriptedApi } from './scripted-api.ts';

describe('a place', () => {
  it('is written and read again', () => {
    for (const host of [null, 'cloud.example:8773']) {
      for (const account of [null, '123456789012']) {
        const place = { region: 'us-west-2', host, account };
        expect(parsePlace(formatPlace(place))).toEqual(place);
      }
    }
    expect(formatPlace({ region: 'us-west-2', host: null, account: '123456789012' })).toBe(
      'us-west-2, account 123456789012',
    );
  });
});

describe('a provider on EC2 whose machines are somewhere', () => {
  it('answers the place of what it prepares, and opens there again', async () => {
    await using subject = await providerOnEndpoint();
    const { endpoint, provider } = subject;
    const place = await provider.prepare(TAGS, [subject.request()], cancel);
    expect(place).toBe(`us-east-1 at ${new URL(endpoint.url).host}, account 123456789012`);
    const again = await subject.open({}, { place });
    expect(await again.prepare(TAGS, [subject.request()], cancel)).toBe(place);
  });

  it('is not opened for another region or another cloud', async () => {
    await using subject = await providerOnEndpoint();
    const place = 'us-west-2, account 123456789012';
    const aws = { endpoint: null, region: 'eu-west-1' };
    await expect(subject.open(aws, { place })).rejects.toThrow(
      new UsageError(
        'Cannot use provider "west": its machines are in "us-west-2, account 123456789012", the plan says "eu-west-1"',
        'Bring the machines down with the old region and endpoint first, or declare another provider under a new name.',
      ),
    );
    await expect(subject.open({ region: 'us-west-2' }, { place })).rejects.toThrow(UsageError);
  });

  it('never takes machines of another account for gone', async () => {
    const accounts = [randomAccount('111111111111'), randomAccount('222222222222')];
    await using subject = await providerOnEndpoint({ accounts });
    const place = (await subject.provider.prepare(TAGS, [subject.request()], cancel)) ?? '';
    const [id = ''] = await subject.launch(1);
    const other = { ...accounts[1], sessionToken: null };
    const credentials = { accessKeyId: '', secretAccessKey: '', ...other };
    const stranger = await subject.open({ credentials }, { place });
    const message =
      'Cannot look after the machines of provider "west": they belong to account 111111111111, the credentials are of account 222222222222.\nUse credentials of account 111111111111.';
    await expect(stranger.describe([id], cancel)).rejects.toThrow(message);
    await expect(stranger.terminate([id], cancel)).rejects.toThrow(message);
    await expect(stranger.list({ uuid: TAGS.uuid }, cancel)).rejects.toThrow(message);
    await expect(stranger.release(TAGS, cancel)).rejects.toThrow(message);
    await expect(stranger.prepare(TAGS, [], cancel)).rejects.toThrow(message);
    const owner = await subject.open({}, { place });
    expect((await owner.describe(['i-00000000', id], cancel)).get('i-00000000')?.state).toBe('unknown');
  });
});

describe('an account', () => {
  const config = {
    name: 'west',
    region: 'us-west-2',
    endpoint: null,
    profile: null,
    credentials: null,
    pollInterval: 1,
    sshFrom: [],
  };
  const denied = (call: string): Promise<never> =>
    Promise.reject(new Ec2Error(call, 'UnauthorizedOperation', 'no'));

  it('is told by its groups where it has no default VPC, or may not look at VPCs', async () => {
    const group = { id: 'sg-1', name: 'default', vpcId: 'vpc-1', account: '1', tags: {} };
    const describeSecurityGroups = (): Promise<(typeof group)[]> => Promise.resolve([group]);
    const without = scriptedApi({ describeVpcs: () => Promise.resolve([]), describeSecurityGroups });
    expect(await createAccount(without, config, null).number(cancel)).toBe('1');
    const forbidden = scriptedApi({ describeVpcs: () => denied('DescribeVpcs'), describeSecurityGroups });
    expect(await createAccount(forbidden, config, null).number(cancel)).toBe('1');
  });

  it('that is not told may own nothing of an account that is known', async () => {
    const api = scriptedApi({
      describeVpcs: () => denied('DescribeVpcs'),
      describeSecurityGroups: () => denied('DescribeSecurityGroups'),
    });
    await createAccount(api, config, 'us-west-2').mustOwn(cancel);
    await expect(createAccount(api, config, 'us-west-2, account 1').mustOwn(cancel)).rejects.toThrow(
      'the credentials are of one that it does not tell',
    );
  });
});
