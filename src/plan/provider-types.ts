/** The types of providers; a service's options for one are under the key that is called like it. */
export const PROVIDER_TYPES = ['local', 'ec2'] as const;

export type ProviderType = (typeof PROVIDER_TYPES)[number];

/** The keys of a provider configuration, beside `type`. */
export const PROVIDER_KEYS: Readonly<Record<ProviderType, readonly string[]>> = {
  local: [],
  ec2: [
    'region',
    'profile',
    'endpoint',
    'accessKeyId',
    'secretAccessKey',
    'sessionToken',
    'pollInterval',
    'sshFrom',
  ],
};

export function isProviderType(type: string): type is ProviderType {
  return (PROVIDER_TYPES as readonly string[]).includes(type);
}
