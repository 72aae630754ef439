import type { Cancel, LaunchPreview, ProviderProblem } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Ec2Api } from './api.ts';
import { Ec2Error } from './api.ts';
import { checkImages } from './check-images.ts';
import { checkNames } from './check-names.ts';
import { checkNetworks } from './check-networks.ts';
import { checkPermission } from './check-permission.ts';
import { checkQuota } from './check-quota.ts';
import { checkTypes } from './check-types.ts';
import type { Ec2Config } from './config.ts';
import { adviceOn } from './error-advice.ts';
import { errorKind } from './errors.ts';
import type { Account } from './place.ts';
import type { Resolver } from './resolve.ts';
import { readWanted } from './wanted.ts';

export interface CheckParts {
  readonly api: Ec2Api;
  readonly account: Account;
  readonly config: Ec2Config;
  /** Finds images as the launch will. */
  readonly image: Resolver['image'];
}

/** All problems of these launches at once. Where nobody answers, or not to these credentials, that is the only one. */
export async function check(
  { api, account, config, image }: CheckParts,
  previews: readonly LaunchPreview[],
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  cancel.signal.throwIfAborted();
  const read = readWanted(previews);
  const { wanted } = read;
  if (wanted.length === 0) return read.problems;
  const unusable = await firstCall(account, config, cancel);
  if (unusable !== null) return [...read.problems, unusable];
  const images = await checkImages(image, wanted, cancel);
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

/** Tells whether there is such a region, and who asks. */
async function firstCall(
  account: Account,
  { region }: Ec2Config,
  cancel: Cancel,
): Promise<ProviderProblem | null> {
  try {
    await account.number(cancel);
    return null;
  } catch (error) {
    if (error instanceof Ec2Error && errorKind(error.code) === 'auth') {
      const message = `Cannot use the credentials in ${region}: ${error.message}`;
      return { service: null, message, hint: adviceOn(error) };
    }
    if (!(error instanceof ProviderError)) throw error;
    const [message = '', ...hint] = error.message.split('\n');
    return { service: null, message, hint: hint.length === 0 ? null : hint.join(' ') };
  }
}
