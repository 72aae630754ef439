/** The types of providers; a service's options for one are under the key that is called like it. */
export const PROVIDER_TYPES = ['local', 'hosts', 'docker', 'operator', 'ec2'] as const;

export type ProviderType = (typeof PROVIDER_TYPES)[number];

/** Types of which there is a provider, called like its type, that no plan has to declare. */
export const UNDECLARED_PROVIDERS = ['local', 'operator'] as const satisfies readonly ProviderType[];

/** The keys of a provider configuration, beside `type`. */
export const PROVIDER_KEYS: Readonly<Record<ProviderType, readonly string[]>> = {
  local: [],
  hosts: ['hosts', 'inventory'],
  docker: ['host', 'context'],
  operator: [],
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
