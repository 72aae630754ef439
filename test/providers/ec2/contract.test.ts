import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createEc2Provider } from '../../../src/providers/ec2/ec2.ts';
import { openEc2Api } from '../../../src/providers/ec2/ec2-client.ts';
import { readConfig } from '../../../src/providers/ec2/read-config.ts';
import type { Json } from '../../../src/json.ts';
import { launchRequest } from '../../support/launch-request.ts';
import { testProviderContract } from '../provider-contract.ts';
import type { ContractSubject, Lack } from '../provider-contract.ts';
import { cancel, providerOnEndpoint } from './provider-on-endpoint.ts';

async function onOwnEndpoint(): Promise<ContractSubject> {
  const place = await providerOnEndpoint({ settings: { bootTime: 20, stopTime: 20, endTime: 20 } });
  return {
    provider: place.provider,
    openAnother: () => place.open(),
    batch: (token, count, tags) => batchOf(token, count, place.request({}, { tags })),
    dispose: async () => place[Symbol.asyncDispose](),
  };
}

function batchOf(
  token: string,
  count: number,
  request: ReturnType<ContractSubject['batch']>['request'],
): ReturnType<ContractSubject['batch']> {
  const machines = Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 }));
  return { token, machines, min: 1, request };
}

/** Whatever speaks EC2's API at that address, with credentials of the environment and the first image that it offers. */
async function on(endpoint: string): Promise<ContractSubject> {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'plan ec2-'));
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  const config = readConfig({
    name: 'given',
    options: { endpoint, region, pollInterval: '200ms' },
  });
  const open = (): ReturnType<typeof createEc2Provider> =>
    createEc2Provider(config, { stateDirectory, place: null });
  const api = await openEc2Api(config);
  const query = { kind: 'newest', owner: process.env['EC2_IMAGE_OWNER'] ?? 'amazon', name: '*' } as const;
  const images = await api.describeImages(query, cancel);
  const image = images.find(({ architecture, platform }) => architecture === 'x86_64' && platform === null);
  const [subnet] = await api.describeSubnets({}, cancel);
  api.close();
  if (image === undefined) throw new Error(`Cannot test "${endpoint}": it has no image to launch`);
  const options: Readonly<Record<string, Json>> = {
    ...(subnet === undefined ? {} : { subnetId: subnet.id }),
    // Not every cloud takes the size of a root volume from the image.
    rootVolume: { sizeGiB: 64 },
  };
  const provider = await open();
  return {
    provider,
    openAnother: open,
    batch: (token, count, tags) =>
      batchOf(token, count, launchRequest({ image: image.id, options, labels: { tier: 'front' }, tags })),
    async dispose() {
      await provider.close();
      rmSync(stateDirectory, { recursive: true, force: true });
    },
  };
}

testProviderContract('ec2', onOwnEndpoint);

const given = process.env['EC2_ENDPOINT_URL'] ?? '';
if (given !== '') testProviderContract(`ec2 at ${given}`, () => on(given), await lacksOf(given));

/** Clouds give a started machine another public address; moto knows neither tokens nor launch indexes. */
async function lacksOf(endpoint: string): Promise<ReadonlySet<Lack>> {
  const { ok: isMoto } = await fetch(new URL('/moto-api/data.json', endpoint));
  return new Set(isMoto ? ['addresses', 'tokens', 'positions'] : ['addresses']);
}
