import type { LaunchPreview, LaunchRequest } from '../provider.ts';
import type { HostEntry } from './host-entry.ts';
import { hasLabels } from './host-entry.ts';
import { shareOut } from './share-out.ts';

/** So many hosts with these labels for a service. */
export interface Wanted {
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
}

export function wantedBy({ request, min }: Pick<LaunchPreview, 'request' | 'min'>): Wanted {
  return { service: request.service, labels: labelsOf(request), count: min };
}

/** The labels that a service asks for under `hosts`. */
export function labelsOf({ options }: Pick<LaunchRequest, 'options'>): Readonly<Record<string, string>> {
  const { labels } = options;
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return {};
  const pairs = Object.entries(labels).filter(
    (pair): pair is [string, string] => typeof pair[1] === 'string',
  );
  return Object.fromEntries(pairs);
}

/**
 * The free hosts that a service may take, in the order in which it takes them: those last without which what others
 * still need could not be met.
 */
export function candidates(
  free: readonly HostEntry[],
  labels: Readonly<Record<string, string>>,
  others: readonly Wanted[],
): readonly HostEntry[] {
  const kept = new Set(shareOut(others.map((wanted) => demandOf(wanted, free))).of.flat());
  const fitting = [...free.entries()].filter(([, host]) => hasLabels(host, labels));
  const ofKept = (isKept: boolean): readonly HostEntry[] =>
    fitting.filter(([i]) => kept.has(i) === isKept).map(([, host]) => host);
  return [...ofKept(false), ...ofKept(true)];
}

export interface Shortage {
  /** Null: each service could have its hosts, but not all of them together. */
  readonly service: string | null;
  readonly message: string;
}

/** Whatever of this a pool cannot give. */
export function shortages(
  pool: readonly HostEntry[],
  free: readonly HostEntry[],
  wanted: readonly Wanted[],
): readonly Shortage[] {
  const alone = wanted
    .filter((each) => demandOf(each, free).hosts.length < each.count)
    .map((each) => ({ service: each.service, message: shortageOf(pool, free, each) }));
  if (alone.length > 0 || shareOut(wanted.map((each) => demandOf(each, free))).isWhole) return alone;
  const needs = wanted
    .filter(({ count }) => count > 0)
    .map(({ service, labels, count }) => `${count} for "${service}"${labelWords(labels)}`);
  const message = `Cannot take ${needs.join(' and ')}: the pool has ${number(pool.length)}, ${isFree(free.length)}`;
  return [{ service: null, message }];
}

/** `Cannot take 3 hosts with role=db: the pool has 2 of them, 1 of these is free` */
export function shortageOf(
  pool: readonly HostEntry[],
  free: readonly HostEntry[],
  { labels, count }: Pick<Wanted, 'labels' | 'count'>,
): string {
  const fitting = (hosts: readonly HostEntry[]): number =>
    hosts.filter((host) => hasLabels(host, labels)).length;
  const such = Object.keys(labels).length === 0 ? number(fitting(pool)) : `${fitting(pool)} of them`;
  return `Cannot take ${number(count)}${labelWords(labels)}: the pool has ${such}, ${isFree(fitting(free))}`;
}

function demandOf(
  { labels, count }: Wanted,
  free: readonly HostEntry[],
): { readonly count: number; readonly hosts: readonly number[] } {
  return { count, hosts: free.flatMap((host, i) => (hasLabels(host, labels) ? [i] : [])) };
}

function labelWords(labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return words.length === 0 ? '' : ` with ${words.join(', ')}`;
}

function number(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}

function isFree(count: number): string {
  return count === 0 ? 'none is free' : `${count} ${count === 1 ? 'is' : 'are'} free`;
}
