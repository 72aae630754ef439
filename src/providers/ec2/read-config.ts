import { isIP } from 'node:net';

import { parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import type { Ec2Config } from './config.ts';

const KEYS = [
  'region',
  'profile',
  'endpoint',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'pollInterval',
  'sshFrom',
] as const;

type Key = (typeof KEYS)[number];

/** What a plan's `providers.<name>` says, rendered; its type is known by now. */
interface ProviderConfig {
  readonly type?: string;
  readonly name: string;
  readonly options: Readonly<Record<string, Json>>;
}

const POLL_INTERVAL = 1_000;
/** Clouds that are no AWS want a region in signatures and rarely care which. */
const ENDPOINT_REGION = 'us-east-1';

/**
 * Reads a configuration of type `ec2`, rendered. An endpoint that it does not name is the one that the environment
 * names for AWS's tools. Throws `UsageError` that names the key, and never a credential.
 */
export function readConfig(
  config: ProviderConfig,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Ec2Config {
  const unknown = Object.keys(config.options).find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined) {
    throw new UsageError(
      `Cannot use provider "${config.name}": ec2 has no key "${unknown}"`,
      `Its keys are ${KEYS.join(', ')}.`,
    );
  }
  const endpoint = readEndpoint(config, environment);
  return {
    name: config.name,
    region: readRegion(config, endpoint),
    endpoint,
    profile: text(config, 'profile'),
    credentials: readCredentials(config),
    pollInterval: readPollInterval(config),
    sshFrom: readBlocks(config),
  };
}

function readRegion(config: ProviderConfig, endpoint: string | null): string {
  const region = text(config, 'region');
  if (region === null) {
    if (endpoint !== null) return ENDPOINT_REGION;
    throw new UsageError(
      `Cannot use provider "${config.name}": it has no region`,
      'Write a region such as us-west-2, or the endpoint of an EC2-compatible cloud.',
    );
  }
  // It becomes part of a host name.
  if (/^\w[\w.-]*$/.test(region)) return region;
  throw wrong(config, 'region', region, 'a region such as us-west-2');
}

function readEndpoint(
  config: ProviderConfig,
  { AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL }: Readonly<Record<string, string | undefined>>,
): string | null {
  const written = text(config, 'endpoint') ?? (AWS_ENDPOINT_URL_EC2 || AWS_ENDPOINT_URL || null);
  if (written === null) return null;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url?.username !== '' || url.password !== '') {
    // Unread, or with a password in it: not to be shown.
    throw new UsageError(
      `Cannot use provider "${config.name}": its endpoint is not a URL without a password`,
      'Write a URL such as https://ec2.example:8773, and credentials as accessKeyId and secretAccessKey.',
    );
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') return written;
  throw wrong(config, 'endpoint', written, 'a URL such as https://ec2.example:8773');
}

function readCredentials(config: ProviderConfig): Ec2Config['credentials'] {
  const accessKeyId = text(config, 'accessKeyId');
  const secretAccessKey = text(config, 'secretAccessKey');
  const sessionToken = text(config, 'sessionToken');
  if (accessKeyId !== null && secretAccessKey !== null) {
    if (text(config, 'profile') === null) return { accessKeyId, secretAccessKey, sessionToken };
    throw new UsageError(
      `Cannot use provider "${config.name}": it has both a profile and an accessKeyId`,
      'Keep one of them.',
    );
  }
  const lonely = Object.entries({ accessKeyId, secretAccessKey, sessionToken }).find(
    ([, value]) => value !== null,
  )?.[0];
  if (lonely === undefined) return null;
  const missing = accessKeyId === null ? 'accessKeyId' : 'secretAccessKey';
  throw new UsageError(
    `Cannot use provider "${config.name}": it has ${lonely} without ${missing}`,
    `Add ${missing}, or leave credentials to the AWS configuration and environment.`,
  );
}

function readPollInterval(config: ProviderConfig): number {
  const value = config.options['pollInterval'] ?? null;
  if (value === null) return POLL_INTERVAL;
  const interval = typeof value === 'string' ? parseDuration(value.trim()) : undefined;
  if (interval !== undefined && interval > 0) return interval;
  throw wrong(config, 'pollInterval', value, 'a duration such as "1s"');
}

function readBlocks(config: ProviderConfig): readonly string[] {
  const value = config.options['sshFrom'] ?? null;
  if (value === null) return [];
  const blocks = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(blocks)) throw wrong(config, 'sshFrom', value, 'a list of address blocks');
  return (blocks as readonly Json[]).map((block) => {
    if (typeof block === 'string' && isBlock(block.trim())) return block.trim();
    throw wrong(config, 'sshFrom', block, 'an address block such as 203.0.113.0/24');
  });
}

function isBlock(block: string): boolean {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(block) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(prefix) <= (version === 4 ? 32 : 128);
}

/** Text as it was rendered, without spaces around it; null where there is none. */
function text(config: ProviderConfig, key: Key): string | null {
  const value = config.options[key] ?? null;
  if (value === null) return null;
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw new UsageError(
    `Cannot use provider "${config.name}": its ${key} is ${value === '' ? 'empty' : 'not text'}`,
    `Write it, or leave ${key} out.`,
  );
}

function wrong(config: ProviderConfig, key: Key, value: Json, shape: string): UsageError {
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  return new UsageError(
    `Cannot use provider "${config.name}": its ${key} "${shown}" is not ${shape}`,
    `Write ${shape}.`,
  );
}
