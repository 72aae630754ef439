import type { Json } from '../json.ts';
import { parseHost } from '../ssh-options.ts';
import type { Reading } from './fields.ts';
import { isTemplated, readWhole, renderText, showRendered } from './fields.ts';
import type { Entry, Node } from './node.ts';
import { child, entriesOf, itemsOf, scalarOf } from './node.ts';
import type { ProviderConfig } from './plan.ts';
import { quoted } from './problems.ts';
import { isGiven, readText } from './provider-fields.ts';
import { readInventory } from './read-inventory.ts';
import { problemAt } from './text-file.ts';

const PORT = { min: 1, max: 65_535 };
const HOST_HINT = 'A host is written like 10.0.0.5, ann@web.example:2222 or [fe80::1]:22.';

/**
 * Reads a configuration of the type `hosts`, or of one that is not known yet: `hosts`, a list of
 * `{ address, hostname?, port?, user?, labels? }`, or `inventory`, the absolute path of a program that prints one.
 */
export function readHostsProvider(
  reading: Reading,
  { key: name, keyPlace, value }: Entry,
  type: string | undefined,
): ProviderConfig['options'] {
  const mention = child(value, 'inventory');
  const path = readText(reading, mention);
  const written = child(value, 'hosts');
  const typeNode = scalarOf(child(value, 'type'));
  const refuse = (what: string): void =>
    void reading.problems.push(problemAt(keyPlace, `Cannot use ${quoted(name)}: ${what}`));
  if (type === 'hosts' && written === undefined && path === '') {
    if (mention !== undefined || (typeNode !== undefined && isTemplated(reading, typeNode)))
      refuse('it has neither "hosts" nor "inventory"');
    return {};
  }
  if (written !== undefined && isGiven(path) && typeNode !== undefined && isTemplated(reading, typeNode))
    refuse('it has both "hosts" and "inventory"');
  if (written !== undefined) return { hosts: readHosts(reading, written) };
  if (mention === undefined || !isGiven(path)) return {};
  const inventory = readInventory(reading, mention, path);
  if (inventory === null) return {};
  return inventory.kind === 'program'
    ? { inventory: inventory.path }
    : { hosts: readHosts(reading, inventory.root) };
}

function readHosts(reading: Reading, list: Node): readonly Json[] {
  const seen = new Map<string, number>();
  return itemsOf(list).flatMap((item, i) => {
    const host = item.kind === 'map' ? readHostMap(reading, item, i) : readHostText(reading, item, i);
    if (host === undefined) return [];
    const key = JSON.stringify([host['address'], host['port'] ?? null]);
    const first = seen.get(key);
    if (first !== undefined) {
      const message = `Cannot use item ${i + 1} of the hosts: it is the same as item ${first + 1}`;
      reading.problems.push(problemAt(item.place, message));
      return [];
    }
    seen.set(key, i);
    return [host];
  });
}

type Host = Readonly<Record<string, Json>>;

function readHostText(reading: Reading, item: Node, i: number): Host | undefined {
  const text = readText(reading, item);
  if (!isGiven(text)) return undefined;
  const parsed = parseHost(text);
  if (parsed === undefined) {
    const shown = quoted(showRendered(reading, item, text));
    const message = `Cannot use item ${i + 1} of the hosts: ${shown} is not [user@]address[:port]`;
    reading.problems.push(problemAt(item.place, message, HOST_HINT));
    return undefined;
  }
  const { user, host: address, port } = parsed;
  return { address, ...(port !== null && { port }), ...(user !== null && { user }) };
}

function readHostMap(reading: Reading, item: Node, i: number): Host | undefined {
  const written = child(item, 'address');
  const address = readText(reading, written);
  if (written === undefined || !isGiven(address)) return undefined;
  const parsed = parseHost(address);
  if (parsed === undefined || parsed.user !== null || parsed.port !== null) {
    const shown = quoted(showRendered(reading, written, address));
    const message = `Cannot use "address" of item ${i + 1} of the hosts: ${shown} is not a name or an address`;
    reading.problems.push(problemAt(written.place, message, 'User and port have keys of their own.'));
    return undefined;
  }
  const port = readWhole(reading, child(item, 'port'), PORT);
  if (port === undefined && child(item, 'port') !== undefined) return undefined;
  const hostname = readText(reading, child(item, 'hostname'));
  const user = readText(reading, child(item, 'user'));
  const labels = [...entriesOf(child(item, 'labels'))].flatMap(({ key, value }): [string, string][] => {
    const scalar = scalarOf(value);
    const text = typeof scalar?.value === 'string' ? renderText(reading, scalar) : scalar?.text;
    return text === undefined ? [] : [[key, text]];
  });
  return {
    address: parsed.host,
    ...(isGiven(hostname) && { hostname }),
    ...(port !== undefined && { port }),
    ...(isGiven(user) && { user }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
  };
}
