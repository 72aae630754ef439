import { DescribeInstancesCommand, DescribeRegionsCommand, RunInstancesCommand } from '@aws-sdk/client-ec2';
import {
  GetServiceQuotaCommand,
  ListServiceQuotasCommand,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Ec2Endpoint } from './endpoint.ts';
import { credentialsOf, randomAccount, startEc2Endpoint } from './endpoint.ts';
import { clientOf, errorOf, launchOf, post, signedHeaders } from './trial.ts';

const ONE = randomAccount('111111111111');
const TWO = { ...randomAccount('222222222222'), sessionToken: 'session' };

let endpoint: Ec2Endpoint;

beforeEach(async () => {
  endpoint = await startEc2Endpoint({ accounts: [ONE, TWO] });
});

afterEach(async () => {
  await endpoint[Symbol.asyncDispose]();
});

function ask(credentials = credentialsOf(ONE), region = 'us-east-1'): Promise<unknown> {
  const client = clientOf(endpoint, { credentials, region });
  return client.send(new DescribeInstancesCommand({})).finally(() => client.destroy());
}

describe('a signature', () => {
  it('is verified against the secret of its key', async () => {
    await ask();
    await ask(credentialsOf(TWO));
    const wrong = { ...credentialsOf(ONE), secretAccessKey: TWO.secretAccessKey };
    expect(await errorOf(ask(wrong))).toMatch(
      /^SignatureDoesNotMatch \(403\): The request signature we calculated/,
    );
    expect(endpoint.calls.map(({ account, region, error }) => [account, region, error])).toEqual([
      ['111111111111', 'us-east-1', null],
      ['222222222222', 'us-east-1', null],
      [null, null, 'SignatureDoesNotMatch'],
    ]);
  });

  it('is of a known key, with its session token, for a known region', async () => {
    const denied = 'AuthFailure (401): AWS was not able to validate the provided access credentials';
    expect(await errorOf(ask(credentialsOf(randomAccount('333333333333'))))).toBe(denied);
    expect(await errorOf(ask({ ...credentialsOf(TWO), sessionToken: 'other' }))).toBe(denied);
    expect(await errorOf(ask(credentialsOf({ ...TWO, sessionToken: '' })))).toBe(denied);
    expect(await errorOf(ask(credentialsOf(ONE), 'mars-north-1'))).toBe(
      "AuthFailure (401): Credential should be scoped to a valid region, not 'mars-north-1'.",
    );
  });

  it('covers the body, and is asked for', async () => {
    const send = (headers: Readonly<Record<string, string>>, body: string, path = '/'): Promise<string> =>
      post(`${endpoint.url}${path}`, headers, body);
    const client = clientOf(endpoint);
    const signed = await signedHeaders(client, () => client.send(new DescribeRegionsCommand({})));
    client.destroy();
    const body = 'Action=DescribeRegions&Version=2016-11-15';
    expect(await send(signed, body)).toMatch(/^200 /);
    expect(await send(signed, body.replace('Regions', 'Subnets'))).toMatch(
      /^403 [\s\S]*SignatureDoesNotMatch/,
    );
    const unsigned = Object.fromEntries(Object.entries(signed).filter(([name]) => name !== 'authorization'));
    expect(await send(unsigned, body)).toMatch(/^403 [\s\S]*MissingAuthenticationToken/);
    expect(await send({ ...signed, 'x-amz-date': '20200101T000000Z' }, body)).toMatch(
      /^403 [\s\S]*SignatureDoesNotMatch/,
    );
    expect(await send(signed, body, '/elsewhere')).toMatch(/^400 [\s\S]*InvalidAction/);
    expect(await send(signed, 'Action=DescribeRegions&Version=2010-01-01')).toMatch(
      /^400 [\s\S]*InvalidAction/,
    );
  });

  it('is expired when it is old, or its credentials are', async () => {
    endpoint.expire();
    expect(await errorOf(ask())).toBe('RequestExpired (400): Request has expired.');
    await ask(credentialsOf(TWO));
    endpoint.expire(false);
    await ask();
    await using later = await startEc2Endpoint({ accounts: [ONE], wall: () => Date.now() + 3_600_000 });
    const client = clientOf(later, { credentials: credentialsOf(ONE) });
    expect(await errorOf(client.send(new DescribeInstancesCommand({})))).toContain('RequestExpired');
    client.destroy();
    expect(() => endpoint.expire(true, 'nobody')).toThrow('There is no account "nobody"');
  });
});

describe('accounts and regions', () => {
  it('have nothing in common', async () => {
    const client = clientOf(endpoint);
    const elsewhere = clientOf(endpoint, { region: 'us-west-2' });
    const other = clientOf(endpoint, { credentials: credentialsOf(TWO) });
    await client.send(new RunInstancesCommand(launchOf(endpoint, { ClientToken: 'a' })));
    expect(await errorOf(elsewhere.send(new RunInstancesCommand(launchOf(endpoint))))).toMatch(
      /^InvalidAMIID.NotFound/,
    );
    await other.send(new RunInstancesCommand(launchOf(endpoint, { ClientToken: 'a', MaxCount: 2 })));
    const { ubuntu } = endpoint.fixtures({ region: 'us-west-2' });
    await elsewhere.send(new RunInstancesCommand(launchOf(endpoint, { ImageId: ubuntu })));
    expect(endpoint.instances().map(({ account, region }) => `${account} ${region}`)).toEqual([
      '111111111111 us-east-1',
      '111111111111 us-west-2',
      '222222222222 us-east-1',
      '222222222222 us-east-1',
    ]);
    expect((await other.send(new DescribeInstancesCommand({}))).Reservations?.[0]?.Instances).toHaveLength(2);
    for (const one of [client, elsewhere, other]) one.destroy();
  });

  it('are refused actions that are denied', async () => {
    endpoint.deny(['DescribeInstances']);
    expect(await errorOf(ask())).toMatch(
      /^UnauthorizedOperation \(403\): You are not authorized to perform this operation. .* perform: ec2:DescribeInstances/,
    );
    endpoint.deny([]);
    await ask();
  });
});

describe('the JSON services', () => {
  const options = (credentials = credentialsOf(ONE)): object => ({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials,
    maxAttempts: 1,
  });

  it('answer public parameters and those that were set', async () => {
    const client = new SSMClient(options());
    const { parameter, ubuntu } = endpoint.fixtures();
    const get = async (Name: string): Promise<string | undefined> =>
      (await client.send(new GetParameterCommand({ Name }))).Parameter?.Value;
    expect(await get(parameter)).toBe(ubuntu);
    endpoint.parameter('/mine', 'ami-1');
    expect(await get('/mine')).toBe('ami-1');
    endpoint.parameter('/mine', null);
    expect(await errorOf(get('/mine'))).toMatch(/^ParameterNotFound \(400\)/);
    endpoint.deny(['GetParameter']);
    expect(await errorOf(get(parameter))).toMatch(/^AccessDeniedException \(400\)/);
    client.destroy();
  });

  it('answer quotas', async () => {
    const client = new ServiceQuotasClient(options());
    endpoint.quota({ onDemand: 32, spot: 8 });
    const get = async (ServiceCode: string, QuotaCode: string): Promise<unknown> =>
      (await client.send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode }))).Quota?.Value;
    expect(await get('ec2', 'L-1216C47A')).toBe(32);
    expect(await get('ec2', 'L-34B43A08')).toBe(8);
    expect(await errorOf(get('ec2', 'L-0'))).toMatch(/^NoSuchResourceException \(400\)/);
    const first = await client.send(new ListServiceQuotasCommand({ ServiceCode: 'ec2', MaxResults: 2 }));
    const rest = await client.send(
      new ListServiceQuotasCommand({ ServiceCode: 'ec2', MaxResults: 2, NextToken: first.NextToken }),
    );
    expect([first.Quotas?.length, rest.Quotas?.length, rest.NextToken]).toEqual([2, 1, undefined]);
    expect(await errorOf(client.send(new ListServiceQuotasCommand({ ServiceCode: 's3' })))).toMatch(
      /^NoSuchResourceException/,
    );
    client.destroy();
  });

  it('have names of their own for errors of all services', async () => {
    const call = async (credentials: Ec2Endpoint['credentials']): Promise<string> => {
      const client = new SSMClient(options(credentials));
      const error = await errorOf(client.send(new GetParameterCommand({ Name: '/a' })));
      client.destroy();
      return error.replace(/ .*/, '');
    };
    expect(await call(credentialsOf(randomAccount('333333333333')))).toBe('UnrecognizedClientException');
    expect(await call({ ...credentialsOf(ONE), secretAccessKey: 'x' })).toBe('InvalidSignatureException');
    endpoint.expire();
    expect(await call(credentialsOf(ONE))).toBe('ExpiredTokenException');
  });
});
