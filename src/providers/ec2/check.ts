import type { Cancel, LaunchPreview, ProviderProblem } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import { checkImages } from './check-images.ts';
import { checkNames } from './check-names.ts';
import { checkNetworks } from './check-networks.ts';
import { checkPermission } from './check-permission.ts';
import { checkQuota } from './check-quota.ts';
import { checkTypes } from './check-types.ts';
import type { Ec2Config } from './config.ts';
import type { Account } from './place.ts';
import { readWanted } from './wanted.ts';

/**
 * All problems of these launches at once. Rejects with `Ec2Error` when the credentials are refused, and with
 * `ProviderError` when the region cannot be asked: then nothing else can be told.
 */
export async function check(
  { api, account, config }: { api: Ec2Api; account: Account; config: Ec2Config },
  previews: readonly LaunchPreview[],
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  cancel.signal.throwIfAborted();
  const read = readWanted(previews);
  const { wanted } = read;
  if (wanted.length === 0) return read.problems;
  // The first call tells whether there are credentials at all.
  await account.number(cancel);
  const images = await checkImages(api, wanted, cancel);
  const networks = await checkNetworks(api, wanted, cancel);
  const names = await checkNames(api, wanted, cancel);
  const found = { images: images.images, subnets: networks.subnets };
  const types = await checkTypes(api, wanted, found, cancel);
  const quota = await checkQuota(api, wanted, types.types, cancel);
  const problems = [
    ...read.problems,
    ...images.problems,
    ...networks.problems,
    ...names,
    ...types.problems,
    ...quota,
  ];
  // EC2 would say again what is known already.
  const wrong = new Set(problems.map(({ service }) => service));
  const right = wanted.filter(({ service }) => !wrong.has(service));
  return [...problems, ...(await checkPermission(api, config, right, images.images, cancel))];
}
