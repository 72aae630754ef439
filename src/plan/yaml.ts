import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument } from '../yaml.ts';
import type { Pair, Scalar, YAMLError } from '../yaml.ts';
import type { Problem } from './diagnostic.ts';
import type { Entry, MapNode, Node, ScalarNode } from './node.ts';
import { isNull } from './node.ts';
import { quoted } from './problems.ts';
import { didYouMean } from '../nearest.ts';
import type { Place, TextFile } from './text-file.ts';
import { lineAt, problemAt } from './text-file.ts';
import { unquotedTemplate } from './unquoted-template.ts';

/** `root` is null when the text is not YAML, or empty. */
export interface Parsed {
  readonly root: Node | null;
  readonly problems: readonly Problem[];
}

const MAX_VALUES = 1_000_000;
const MAX_DEPTH = 200;

/** Ends a conversion whose problem is recorded already. */
class GiveUp extends Error {}

interface Conversion {
  readonly file: TextFile;
  readonly problems: Problem[];
  /** Anchors so far, in document order; null while the anchored value itself is being read. */
  readonly anchors: Map<string, Sized | null>;
  values: number;
  /** Where the node before ends, for values that are not written. */
  last: number;
}

/** `size`: values in it, each alias counted as what it stands for. */
interface Sized {
  readonly node: Node;
  readonly size: number;
}

/** Parses YAML 1.2. Never throws. */
export function parseYaml(file: TextFile): Parsed {
  const conversion: Conversion = { file, problems: [], anchors: new Map(), values: 0, last: 0 };
  try {
    const document = parseDocument(file.text, {
      prettyErrors: false,
      uniqueKeys: false,
      resolveKnownTags: false,
      logLevel: 'error',
    });
    const complaints = [...document.errors, ...document.warnings];
    if (complaints.length > 0) return { root: null, problems: syntaxProblems(file, complaints) };
    const root = document.contents === null ? null : convert(conversion, document.contents, 0).node;
    return { root, problems: conversion.problems };
  } catch (error) {
    if (error instanceof RangeError) tooDeep(conversion, 0);
    else if (!(error instanceof GiveUp)) throw error;
    return { root: null, problems: conversion.problems };
  }
}

function syntaxProblems(file: TextFile, complaints: readonly YAMLError[]): Problem[] {
  const problems: Problem[] = [];
  const lines = new Set<number>();
  for (const { code, pos, message } of complaints) {
    const line = lineAt(file, pos[0]);
    if (lines.has(line)) continue;
    lines.add(line);
    const template = unquotedTemplate(file, line);
    if (template === null) {
      const what = code === 'MULTIPLE_DOCS' ? 'it holds more than one document' : lowerFirst(message);
      problems.push(problemAt(at(file, pos[0], pos[1]), `Cannot read YAML: ${what}`));
    } else {
      problems.push(problemAt(template.place, UNQUOTED, template.suggestion));
    }
  }
  return problems;
}

function lowerFirst(message: string): string {
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}`
    .replace(/\.$/, '')
    .replace(/["']quote$/, 'quote');
}

const UNQUOTED = 'Cannot read YAML: "{{" at the beginning of a value opens a map';

function at(file: TextFile, start: number, end: number): Place {
  return { file, offset: start, length: Math.max(1, end - start) };
}

function placeOf(conversion: Conversion, node: unknown): Place {
  const range = isNode(node) ? node.range : null;
  const [start, end] = range ?? [conversion.last, conversion.last];
  conversion.last = start;
  return at(conversion.file, start, end);
}

function tooDeep(conversion: Conversion, offset: number): void {
  conversion.problems.push(
    problemAt(at(conversion.file, offset, offset), 'Cannot read YAML: it is nested too deeply'),
  );
}

function convert(conversion: Conversion, source: unknown, depth: number): Sized {
  if (isAlias(source)) return followAlias(conversion, source.source, placeOf(conversion, source));
  const anchor = isMap(source) || isSeq(source) || isScalar(source) ? source.anchor : undefined;
  if (anchor !== undefined) conversion.anchors.set(anchor, null);
  const sized = convertValue(conversion, source, depth);
  if (anchor !== undefined) conversion.anchors.set(anchor, sized);
  conversion.values += 1;
  return sized;
}

function convertValue(conversion: Conversion, source: unknown, depth: number): Sized {
  if (isScalar(source)) return { node: convertScalar(conversion, source), size: 1 };
  const place = placeOf(conversion, source);
  if (depth > MAX_DEPTH) {
    tooDeep(conversion, place.offset);
    throw new GiveUp();
  }
  if (isSeq(source)) {
    const parts = source.items.map((item) => convert(conversion, item, depth + 1));
    const size = checkedSize(conversion, parts, place);
    return { node: { kind: 'list', place, items: parts.map((part) => part.node) }, size };
  }
  if (isMap(source)) return convertMap(conversion, source.items, place, depth);
  return { node: { kind: 'scalar', place, value: null, text: '', style: 'plain' }, size: 1 };
}

function checkedSize(conversion: Conversion, parts: readonly Sized[], place: Place): number {
  const size = parts.reduce((sum, part) => sum + part.size, 1);
  if (size <= MAX_VALUES) return size;
  conversion.problems.push(
    problemAt(
      place,
      `Cannot read YAML: its aliases expand to more than ${MAX_VALUES.toLocaleString('en')} values`,
    ),
  );
  throw new GiveUp();
}

const STYLES = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'quoted',
  QUOTE_DOUBLE: 'quoted',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
} as const;

function convertScalar(conversion: Conversion, source: Scalar): ScalarNode {
  const place = placeOf(conversion, source);
  const { value } = source;
  const style = STYLES[source.type as keyof typeof STYLES];
  if (typeof value === 'string') return { kind: 'scalar', place, value, text: value, style };
  const text = source.source ?? '';
  if (typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'scalar', place, value, text, style };
  return { kind: 'scalar', place, value: null, text, style };
}

function followAlias(conversion: Conversion, name: string, place: Place): Sized {
  const target = conversion.anchors.get(name);
  if (target !== undefined && target !== null) return target;
  const why = target === null ? 'it would contain itself' : 'there is no such anchor before it';
  const suggestion = target === null ? null : didYouMean(name, conversion.anchors.keys());
  conversion.problems.push(problemAt(place, `Cannot use alias ${quoted(`*${name}`)}: ${why}`, suggestion));
  return { node: { kind: 'scalar', place, value: null, text: '', style: 'plain' }, size: 1 };
}

function convertMap(conversion: Conversion, pairs: readonly Pair[], place: Place, depth: number): Sized {
  const entries = new Map<string, Entry>();
  const merged: MapNode[] = [];
  const parts: Sized[] = [];
  for (const pair of pairs) {
    const key = readKey(conversion, pair, depth);
    if (key === 'template') {
      const template = unquotedTemplate(conversion.file, lineAt(conversion.file, place.offset));
      const text = template?.text ?? '{{}}';
      return { node: { kind: 'scalar', place, value: text, text, style: 'plain' }, size: 1 };
    }
    const part = convert(conversion, pair.value, depth + 1);
    parts.push(part);
    if (key === null) continue;
    const value = part.node;
    if (key.key === '<<') {
      collectMerge(conversion, value, key.keyPlace, merged);
      continue;
    }
    const first = entries.get(key.key);
    if (first === undefined) entries.set(key.key, { ...key, value });
    else {
      const line = lineAt(conversion.file, first.keyPlace.offset) + 1;
      const message = `Cannot use key ${quoted(key.key)} twice in one map: it is in line ${line} already`;
      conversion.problems.push(problemAt(key.keyPlace, message));
    }
  }
  const size = checkedSize(conversion, parts, place) + mergeInto(conversion, entries, merged, place);
  return { node: { kind: 'map', place, entries }, size };
}

/** `template`: the key of an unquoted `{{`, whose problem is recorded. Null: a key that is no scalar. */
function readKey(
  conversion: Conversion,
  pair: Pair,
  depth: number,
): { readonly key: string; readonly keyPlace: Place } | 'template' | null {
  const { node } = convert(conversion, pair.key, depth + 1);
  if (node.kind === 'scalar') return { key: node.text, keyPlace: node.place };
  const before = conversion.file.text.slice(Math.max(0, node.place.offset - 1), node.place.offset + 1);
  const template =
    before === '{{' ? unquotedTemplate(conversion.file, lineAt(conversion.file, node.place.offset)) : null;
  if (template !== null) {
    conversion.problems.push(problemAt(template.place, UNQUOTED, template.suggestion));
    return 'template';
  }
  conversion.problems.push(problemAt(node.place, `Cannot use a ${node.kind} as a key: keys are text`));
  return null;
}

function collectMerge(conversion: Conversion, value: Node, keyPlace: Place, merged: MapNode[]): void {
  for (const source of value.kind === 'list' ? value.items : [value]) {
    if (source.kind === 'map') merged.push(source);
    else if (!isNull(source))
      conversion.problems.push(
        problemAt(keyPlace, 'Cannot merge "<<": it is neither a map nor a list of maps'),
      );
  }
}

/** Adds what the map itself and earlier merges do not say. Returns how many entries were looked at. */
function mergeInto(
  conversion: Conversion,
  entries: Map<string, Entry>,
  merged: readonly MapNode[],
  place: Place,
): number {
  let count = 0;
  for (const map of merged) {
    count += map.entries.size;
    conversion.values += map.entries.size;
    if (conversion.values > MAX_VALUES) checkedSize(conversion, [{ node: map, size: MAX_VALUES }], place);
    for (const entry of map.entries.values()) if (!entries.has(entry.key)) entries.set(entry.key, entry);
  }
  return count;
}
