import type { Draft } from './draft.ts';
import type { Reading } from './fields.ts';
import { renderText, showRendered } from './fields.ts';
import { didYouMean } from '../nearest.ts';
import type { Entry, Node } from './node.ts';
import { child, entriesOf } from './node.ts';
import type { ProviderConfig } from './plan.ts';
import { quoted } from './problems.ts';
import { PROVIDER_KEYS, PROVIDER_TYPES, UNDECLARED_PROVIDERS, isProviderType } from './provider-types.ts';
import { readDockerProvider } from './read-docker-provider.ts';
import { readEc2Provider } from './read-ec2-provider.ts';
import { readHostsProvider } from './read-hosts-provider.ts';
import { problemAt } from './text-file.ts';

/**
 * Reads the provider configurations as far as inputs are known, and notes their types in `reading`. A text that
 * renders to nothing stands for a key that is not there.
 */
export function readProviders(draft: Draft, reading: Reading): Readonly<Record<string, ProviderConfig>> {
  const configs = new Map<string, ProviderConfig>();
  for (const name of UNDECLARED_PROVIDERS) {
    configs.set(name, { name, type: name, options: {} });
    if (!draft.providers.has(name)) reading.providerTypes.set(name, name);
  }
  for (const entry of draft.providers.values()) configs.set(entry.key, readProvider(reading, entry));
  return Object.fromEntries(configs);
}

function readProvider(reading: Reading, entry: Entry): ProviderConfig {
  const { key: name, value } = entry;
  const type = readType(reading, child(value, 'type'));
  if (type !== undefined) reading.providerTypes.set(name, type);
  if (type !== undefined && isProviderType(type)) checkKeys(reading, value, PROVIDER_KEYS[type], type);
  const options: Readonly<Record<string, ProviderConfig['options']>> = {
    hosts: readHostsProvider(reading, entry, type),
    docker: readDockerProvider(reading, entry),
    ec2: readEc2Provider(reading, entry, type),
  };
  return { name, type: type ?? 'local', options: options[type ?? ''] ?? {} };
}

/** Keys of other types: the schema lets them pass where inputs decide the type. */
function checkKeys(reading: Reading, value: Node, own: readonly string[], type: string): void {
  const known = Object.values(PROVIDER_KEYS).flat();
  const article = type === 'ec2' || type === 'operator' ? 'an' : 'a';
  for (const { key, keyPlace } of entriesOf(value))
    if (!own.includes(key) && known.includes(key))
      reading.problems.push(
        problemAt(keyPlace, `Cannot use key ${quoted(key)}: ${article} ${type} provider has no such key`),
      );
}

function readType(reading: Reading, node: Node | undefined): string | undefined {
  const type = renderText(reading, node);
  if (node === undefined || type === undefined || isProviderType(type)) return type;
  const message = `Cannot use "type": ${quoted(showRendered(reading, node, type))} is not one of ${PROVIDER_TYPES.map(quoted).join(', ')}`;
  reading.problems.push(problemAt(node.place, message, didYouMean(type, PROVIDER_TYPES)));
  return type;
}
