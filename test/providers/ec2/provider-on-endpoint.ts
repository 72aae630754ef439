import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Json } from '../../../src/json.ts';
import type { Ec2Api } from '../../../src/providers/ec2/api.ts';
import type { Ec2Config } from '../../../src/providers/ec2/config.ts';
import type { Ec2ProviderOptions } from '../../../src/providers/ec2/ec2.ts';
import { openEc2Api } from '../../../src/providers/ec2/ec2-client.ts';
import { createEc2Provider } from '../../../src/providers/ec2/ec2.ts';
import type {
  LaunchBatch,
  LaunchPreview,
  LaunchRequest,
  Provider,
  Tags,
} from '../../../src/providers/provider.ts';
import type { Ec2Endpoint, Ec2Options } from '../../support/ec2/endpoint.ts';
import { startEc2Endpoint } from '../../support/ec2/endpoint.ts';
import { launchRequest } from '../../support/launch-request.ts';

export const cancel = { signal: new AbortController().signal };
export const TAGS: Tags = { deployment: 'shop', uuid: '1234abcd-0000', owner: 'ann@host', state: 'here' };

/** A provider on an endpoint of its own, through the SDK. */
export interface ProviderOnEndpoint extends AsyncDisposable {
  readonly endpoint: Ec2Endpoint;
  readonly provider: Provider;
  /** EC2 as the provider asks it. */
  readonly api: Ec2Api;
  readonly stateDirectory: string;
  readonly config: Ec2Config;
  /** Image of a region that exists. */
  readonly image: string;
  /** Another one on the same endpoint; closed with the rest. */
  open(config?: Partial<Ec2Config>, options?: Partial<Ec2ProviderOptions>): Promise<Provider>;
  request(options?: Readonly<Record<string, Json>>, rest?: Partial<LaunchRequest>): LaunchRequest;
  preview(
    options?: Readonly<Record<string, Json>>,
    min?: number,
    rest?: Partial<LaunchRequest>,
  ): LaunchPreview;
  /** Prepares and launches so many machines, and answers their ids. */
  launch(
    count: number,
    options?: Readonly<Record<string, Json>>,
    rest?: Partial<LaunchRequest>,
  ): Promise<readonly string[]>;
}

export async function providerOnEndpoint(
  endpointOptions: Ec2Options = {},
  configured: Partial<Ec2Config> = {},
): Promise<ProviderOnEndpoint> {
  const endpoint = await startEc2Endpoint(endpointOptions);
  const stateDirectory = mkdtempSync(join(tmpdir(), 'plan ec2-'));
  const config: Ec2Config = { ...configOf(endpoint), ...configured };
  const image = endpoint.fixtures().debian;
  const opened: Provider[] = [];
  let batches = 0;

  async function open(
    other: Partial<Ec2Config> = {},
    options: Partial<Ec2ProviderOptions> = {},
  ): Promise<Provider> {
    const provider = await createEc2Provider(
      { ...config, ...other },
      { stateDirectory, place: null, consistencyDelay: 0, ...options },
    );
    opened.push(provider);
    return provider;
  }

  const provider = await open();
  const api = await openEc2Api(config);

  function request(
    options: Readonly<Record<string, Json>> = {},
    rest: Partial<LaunchRequest> = {},
  ): LaunchRequest {
    return launchRequest({ image, options, labels: { tier: 'front' }, tags: TAGS, ...rest });
  }

  return {
    endpoint,
    provider,
    api,
    stateDirectory,
    config,
    image,
    open,
    request,
    preview: (options, min = 1, rest = {}) => ({ request: request(options, rest), min, max: min }),
    async launch(count, options, rest) {
      const wanted = request(options, rest);
      await provider.prepare(wanted.tags, [wanted], cancel);
      const resolution = await provider.resolve(wanted, cancel);
      if (resolution.kind === 'refused') throw new Error(resolution.message);
      batches += 1;
      const batch: LaunchBatch = {
        token: `batch-${batches}`,
        machines: Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 })),
        min: 1,
        request: resolution.request,
      };
      const answer = await provider.launch(batch, cancel);
      if (answer.kind === 'refused') throw new Error(answer.message);
      return answer.ids.filter((id) => id !== null);
    },
    async [Symbol.asyncDispose]() {
      for (const one of opened) await one.close();
      api.close();
      await endpoint[Symbol.asyncDispose]();
      rmSync(stateDirectory, { recursive: true, force: true });
    },
  };
}

export function configOf({ url, region, credentials }: Ec2Endpoint): Ec2Config {
  return {
    name: 'west',
    region,
    endpoint: url,
    profile: null,
    credentials: { ...credentials, sessionToken: credentials.sessionToken ?? null },
    pollInterval: 10,
    sshFrom: [],
  };
}
