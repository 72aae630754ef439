import { ProviderError } from '../provider.ts';
import type { Ec2Config } from './config.ts';
import type { SdkFailure } from './sdk-failure.ts';

/** Milliseconds after which a service that throttled, or could not be reached, is worth another try. */
const AFTER_THROTTLING = 60_000;
const AFTER_SILENCE = 10_000;

/** The error for a call that got no answer of the service, in the end. */
export function unreachable(
  { region, endpoint }: Pick<Ec2Config, 'region' | 'endpoint'>,
  { service, action }: { readonly service: string; readonly action: string },
  failure: Exclude<SdkFailure, { kind: 'refused' }>,
): ProviderError {
  const place = endpoint === null ? `in region "${region}"` : `at "${withoutLogin(endpoint)}"`;
  const what = `Cannot ask ${service} ${place} for ${action}`;
  switch (failure.kind) {
    case 'throttled':
      return new ProviderError(`${what}: it still limits the rate of calls (${failure.why})`, {
        retryAfter: AFTER_THROTTLING,
      });
    case 'undelivered': {
      const { unknownHost } = failure;
      const why = unknownHost === null ? failure.why : `there is no host "${unknownHost}" (ENOTFOUND)`;
      return new ProviderError(`${what}: ${why}\n${adviceOnSilence(region, endpoint, unknownHost)}`, {
        retryAfter: AFTER_SILENCE,
      });
    }
    case 'unusable':
      return new ProviderError(`${what}: ${failure.why}\n${adviceOn(endpoint)}`);
    default:
      return failure satisfies never;
  }
}

function adviceOnSilence(region: string, endpoint: string | null, unknownHost: string | null): string {
  const where = endpoint === null ? `that there is a region "${region}"` : `the provider's "endpoint"`;
  return unknownHost === null
    ? `Check ${where}, and the network between this host and it; then try again.`
    : `Check ${where}, and that this host resolves names.`;
}

function adviceOn(endpoint: string | null): string {
  return endpoint === null
    ? 'Check for a proxy between this host and AWS; NODE_EXTRA_CA_CERTS names a file of certificates to trust.'
    : `Check the provider's "endpoint"; NODE_EXTRA_CA_CERTS names a file of certificates to trust.`;
}

function withoutLogin(endpoint: string): string {
  if (!URL.canParse(endpoint)) return endpoint;
  const url = new URL(endpoint);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}
