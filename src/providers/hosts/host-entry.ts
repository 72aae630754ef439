import { parseHost, parsePort } from '../../ssh-options.ts';

/** A machine that exists, as a plan or an inventory says. Null: left to `~/.ssh/config`. */
export interface HostEntry {
  readonly address: string;
  /** How other machines reach it; null: as the operator does. */
  readonly hostname: string | null;
  readonly port: number | null;
  readonly user: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** True when a host has all of these labels. */
export function hasLabels(host: HostEntry, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) => host.labels[key] === value);
}

/**
 * The hosts of a list of `"[user@]address[:port]"` and `{ address, hostname?, port?, user?, labels? }`. Throws an error
 * that says which item is neither.
 */
export function readHostEntries(list: unknown): readonly HostEntry[] {
  if (!Array.isArray(list)) throw new Error('it is not a list');
  return (list as readonly unknown[]).map((item, i) => {
    const host = readHostEntry(item);
    if (host === undefined) throw new Error(`item ${i + 1} is not a host: ${JSON.stringify(item)}`);
    return host;
  });
}

function readHostEntry(item: unknown): HostEntry | undefined {
  if (typeof item === 'string') {
    const parsed = parseHost(item.trim());
    if (parsed === undefined) return undefined;
    const { host: address, port, user } = parsed;
    return { address, hostname: null, port, user, labels: {} };
  }
  if (typeof item !== 'object' || item === null) return undefined;
  const { address, hostname, port, user, labels, ...others } = item as Readonly<Record<string, unknown>>;
  const parsed = typeof address === 'string' ? parseHost(address.trim()) : undefined;
  if (parsed === undefined || parsed.port !== null || parsed.user !== null) return undefined;
  if (!isText(hostname) || !isText(user) || Object.keys(others).length > 0) return undefined;
  const number = port === undefined || port === null ? null : parsePort(portText(port));
  const texts = readLabels(labels ?? {});
  if (number === undefined || texts === undefined) return undefined;
  return {
    address: parsed.host,
    hostname: hostname ?? null,
    port: number,
    user: user ?? null,
    labels: texts,
  };
}

function portText(port: unknown): string {
  return typeof port === 'number' || typeof port === 'string' ? String(port) : '';
}

function isText(value: unknown): value is string | null | undefined {
  return value === undefined || value === null || (typeof value === 'string' && value !== '');
}

function readLabels(labels: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return undefined;
  const pairs = Object.entries(labels);
  if (pairs.some(([, value]) => !['string', 'number', 'boolean'].includes(typeof value))) return undefined;
  return Object.fromEntries(pairs.map(([key, value]) => [key, String(value)]));
}
