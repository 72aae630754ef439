import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { EC2Client } from '@aws-sdk/client-ec2';
import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { beforeEach, expect } from 'vitest';
import type { Ec2Endpoint } from './endpoint.ts';
import { startEc2Endpoint } from './endpoint.ts';

/** Gives each test of the file a new endpoint and a client of it, which end with the test. */
export function onEndpoint(
  begin: (cloud: { readonly endpoint: Ec2Endpoint; readonly client: EC2Client }) => void,
): void {
  beforeEach(async () => {
    const endpoint = await startEc2Endpoint();
    const client = clientOf(endpoint);
    begin({ endpoint, client });
    return async () => {
      client.destroy();
      await endpoint[Symbol.asyncDispose]();
    };
  });
}

/** The SDK's own client, which asks once. */
export function clientOf(
  endpoint: Ec2Endpoint,
  options: {
    readonly region?: string;
    readonly credentials?: Ec2Endpoint['credentials'];
    readonly maxAttempts?: number;
  } = {},
): EC2Client {
  const { region = endpoint.region, credentials = endpoint.credentials, maxAttempts = 1 } = options;
  return new EC2Client({ endpoint: endpoint.url, region, credentials, maxAttempts });
}

/** A launch of one Ubuntu, but for what is said otherwise. */
export function launchOf(
  endpoint: Ec2Endpoint,
  rest: Partial<RunInstancesCommandInput> = {},
): RunInstancesCommandInput {
  return { ImageId: endpoint.fixtures().ubuntu, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ...rest };
}

/** Resolves with `Code (status): message` of the error that a call rejects with. */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    const { name, message, $metadata } = error as Error & {
      readonly $metadata?: { readonly httpStatusCode?: number };
    };
    return `${name} (${$metadata?.httpStatusCode ?? 'no status'}): ${message}`;
  }
  return expect.fail('The call succeeded');
}

/** Headers that a client signed the call with. */
export async function signedHeaders(
  client: EC2Client,
  call: () => Promise<unknown>,
): Promise<Readonly<Record<string, string>>> {
  let signed: Readonly<Record<string, string>> = {};
  client.middlewareStack.add(
    (next) => (args) => {
      signed = (args.request as { readonly headers: Record<string, string> }).headers;
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'signedHeaders' },
  );
  await call();
  client.middlewareStack.remove('signedHeaders');
  return signed;
}

/** Sends it as it is; resolves with status and body. */
export function post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', headers }, (response) => {
      text(response).then((answer) => resolve(`${response.statusCode ?? 0} ${answer}`), reject);
    });
    call.on('error', reject).end(body);
  });
}
