import type { Entry, MapNode, Node } from './node.ts';
import { isNull } from './node.ts';
import { PROVIDER_TYPES } from './provider-types.ts';

/** Keys whose maps merge with the default key by key; every other value replaces its default whole. */
const MERGED = new Set<string>(['env', 'labels', 'timeouts', 'attempts', 'ssh', ...PROVIDER_TYPES]);

/** A service's keys over the defaults. A null removes a default, and stands for a key that is not there. */
export function mergeDefaults(defaults: Node | undefined, own: MapNode): MapNode {
  if (defaults?.kind !== 'map') return withoutNulls(own);
  const entries = new Map<string, Entry>();
  for (const entry of defaults.entries.values()) {
    const over = own.entries.get(entry.key);
    if (over === undefined) entries.set(entry.key, entry);
    else entries.set(entry.key, mergeEntry(entry, over));
  }
  for (const entry of own.entries.values()) if (!entries.has(entry.key)) entries.set(entry.key, entry);
  return withoutNulls({ ...own, entries });
}

function mergeEntry(entry: Entry, over: Entry): Entry {
  const base = entry.value;
  const value = over.value;
  if (!MERGED.has(entry.key) || base.kind !== 'map' || value.kind !== 'map') return over;
  return { ...over, value: { ...value, entries: new Map([...base.entries, ...value.entries]) } };
}

function withoutNulls(map: MapNode): MapNode {
  const entries = new Map<string, Entry>();
  for (const entry of map.entries.values()) {
    if (isNull(entry.value)) continue;
    if (MERGED.has(entry.key) && entry.value.kind === 'map')
      entries.set(entry.key, { ...entry, value: dropNulls(entry.value) });
    else entries.set(entry.key, entry);
  }
  return { ...map, entries };
}

function dropNulls(map: MapNode): MapNode {
  if (![...map.entries.values()].some((entry) => isNull(entry.value))) return map;
  return { ...map, entries: new Map([...map.entries].filter(([, entry]) => !isNull(entry.value))) };
}
