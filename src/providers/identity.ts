import type { Json } from '../json.ts';

/**
 * What of a provider's configuration decides which machines a launch gives. Not how one signs in, which may change
 * every day, nor how often it is asked: what changes here replaces machines.
 */
export function identityOf({
  type,
  options,
}: {
  readonly type: string;
  readonly options: Readonly<Record<string, Json>>;
}): Json {
  if (type !== 'ec2') return options;
  return { region: options['region'] ?? null, endpoint: options['endpoint'] ?? null };
}
