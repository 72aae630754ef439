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
  const identity = (...keys: readonly string[]): Json =>
    Object.fromEntries(keys.map((key) => [key, options[key] ?? null]));
  switch (type) {
    case 'ec2':
      return identity('region', 'endpoint');
    case 'docker':
      return identity('host', 'context');
    case 'hosts':
      return null;
    default:
      return options;
  }
}
