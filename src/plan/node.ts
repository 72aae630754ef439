import type { Place } from './text-file.ts';

/** A value of a YAML text with its place: aliases are followed, `<<` is merged. */
export type Node = ScalarNode | MapNode | ListNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** The string, or the number, boolean or null as it is written. */
  readonly text: string;
  /** How the text stands in the file, for places inside it. */
  readonly style: 'plain' | 'quoted' | 'literal' | 'folded' | 'file';
}

export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly value: Node;
}

interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly Node[];
}

/** The entries of a map; none for anything else. */
export function entriesOf(node: Node | undefined): Iterable<Entry> {
  return node?.kind === 'map' ? node.entries.values() : [];
}

export function itemsOf(node: Node | undefined): readonly Node[] {
  return node?.kind === 'list' ? node.items : [];
}

export function child(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

/** A scalar that is not null. */
export function scalarOf(node: Node | undefined): ScalarNode | undefined {
  return node?.kind === 'scalar' && node.value !== null ? node : undefined;
}

/** Every scalar in it that is not null. */
export function scalarsIn(node: Node): readonly ScalarNode[] {
  if (node.kind === 'list') return node.items.flatMap(scalarsIn);
  if (node.kind === 'map') return [...node.entries.values()].flatMap(({ value }) => scalarsIn(value));
  return node.value === null ? [] : [node];
}

/** A scalar that was read as a string. */
export function stringOf(node: Node | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** The plain value, for the schema; maps have no prototype. Shared nodes stay shared. */
export function plainValue(node: Node, seen = new Map<Node, unknown>()): unknown {
  if (node.kind === 'scalar') return node.value;
  const known = seen.get(node);
  if (known !== undefined) return known;
  if (node.kind === 'list') {
    const list: unknown[] = [];
    seen.set(node, list);
    for (const item of node.items) list.push(plainValue(item, seen));
    return list;
  }
  const map = Object.create(null) as Record<string, unknown>;
  seen.set(node, map);
  for (const entry of node.entries.values()) map[entry.key] = plainValue(entry.value, seen);
  return map;
}
