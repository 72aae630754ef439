import { MASK } from './sensitive.ts';

/** Replaces sensitive values by `***`, wherever in a text or a stream of bytes they stand. */
export interface Mask {
  text(text: string): string;
  /** A masked copy of a byte stream; a pure function of the bytes, however they are cut into chunks. */
  stream(): MaskStream;
  /** A mask that hides these values too. */
  with(values: Iterable<string>): Mask;
}

export interface MaskStream {
  /** What can be shown so far: bytes that might be the beginning of a sensitive value are held back. */
  push(chunk: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
}

/** Shorter values stand in every other word. */
const SHORTEST = 4;

/** False for a value that is too short to be masked (fewer than 4 characters, surrounding space not counted). */
export function maskable(value: string): boolean {
  return value.trim().length >= SHORTEST;
}

/**
 * Hides every value, every line of a value of several lines, and how JSON, URIs and base64 write them. Values that
 * overlap in a text are hidden together; values that are not `maskable` are ignored.
 */
export function createMask(values: Iterable<string>): Mask {
  const kept = [...new Set(values)].filter(maskable);
  return kept.length === 0 ? IDENTITY : maskOf(kept, buildIndex(kept));
}

const NOTHING = Buffer.alloc(0);

const IDENTITY: Mask = {
  text: (text) => text,
  stream: () => ({ push: (chunk) => chunk, end: () => NOTHING }),
  with: createMask,
};

function maskOf(values: readonly string[], index: Index): Mask {
  return {
    text(text) {
      const bytes = Buffer.from(text);
      const stream = createStream(index);
      const shown = Buffer.concat([stream.push(bytes), stream.end()]);
      return shown.equals(bytes) ? text : shown.toString();
    },
    stream: () => createStream(index),
    with: (more) => createMask([...values, ...more]),
  };
}

/** Everything that is searched for, by its first four bytes: no pattern is shorter. */
interface Index {
  readonly buckets: ReadonlyMap<number, Bucket>;
  /** 1 where `slot` of the first four bytes of any pattern falls: most positions of a text end here. */
  readonly filter: Uint8Array;
  /** First one, two and three bytes of the patterns, as `short` numbers them. */
  readonly beginnings: ReadonlySet<number>;
}

/** Patterns with the same beginning: tokens often have one, and there may be one for each of a thousand machines. */
interface Bucket {
  /** In the order of their bytes. */
  readonly patterns: readonly Buffer[];
  /** For each pattern the place of the longest other one that it begins with, or -1. */
  readonly parents: readonly number[];
}

function buildIndex(values: readonly string[]): Index {
  const groups = new Map<number, Buffer[]>();
  const filter = new Uint8Array(1 << 14);
  const beginnings = new Set<number>();
  for (const text of new Set(values.flatMap(formsOf))) {
    const pattern = Buffer.from(text);
    const key = keyAt(pattern, 0);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pattern]);
    else group.push(pattern);
    filter[slot(key)] = 1;
    for (let length = 1; length < SHORTEST; length += 1) beginnings.add(short(pattern, 0, length));
  }
  return { buckets: new Map([...groups].map(([key, group]) => [key, bucketOf(group)])), filter, beginnings };
}

function bucketOf(group: readonly Buffer[]): Bucket {
  const patterns = group.toSorted((a, b) => a.compare(b));
  const parents: number[] = [];
  patterns.forEach((pattern, place) => {
    let parent = place - 1;
    while (parent >= 0 && !beginsWith(pattern, patterns[parent])) parent = parents[parent] ?? -1;
    parents.push(parent);
  });
  return { patterns, parents };
}

function beginsWith(bytes: Buffer, start: Buffer | undefined): boolean {
  return start !== undefined && start.length <= bytes.length && start.compare(bytes, 0, start.length) === 0;
}

function formsOf(value: string): string[] {
  const lines = value.split('\n').map((line) => line.trim());
  return [value, ...lines].filter(maskable).flatMap((text) => [text, ...encodingsOf(text)]);
}

function encodingsOf(text: string): string[] {
  // Lone surrogates, which URIs refuse, become what UTF-8 writes for them.
  const wellFormed = Buffer.from(text).toString();
  const base64 = Buffer.from(text).toString('base64');
  return [
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(wellFormed),
    base64,
    base64.replace(/=+$/, ''),
  ];
}

function slot(key: number): number {
  return (key ^ (key >>> 7) ^ (key >>> 16)) & 0x3fff;
}

function short(bytes: Buffer, from: number, length: number): number {
  let number = length;
  for (let at = from; at < from + length; at += 1) number = (number << 8) | (bytes[at] ?? 0);
  return number;
}

function createStream(index: Index): MaskStream {
  /** Bytes that may be the beginning of a value, and how many of them are hidden already by the value before. */
  let held: Buffer = NOTHING;
  let hidden = 0;

  function advance(bytes: Buffer, last: boolean): Buffer {
    const shown: Buffer[] = [];
    let from = hidden;
    let at = 0;
    let key = bytes.length < SHORTEST ? 0 : keyAt(bytes, 0) >>> 8;
    for (; at < bytes.length; at += 1) {
      const isWhole = at + SHORTEST <= bytes.length;
      if (isWhole) {
        key = ((key << 8) | (bytes[at + SHORTEST - 1] ?? 0)) >>> 0;
        if (index.filter[slot(key)] === 0) continue;
      }
      const length = isWhole ? matchAt(index, key, bytes, at, last) : endAt(index, bytes, at, last);
      if (length === UNDECIDED) break;
      if (length === 0) continue;
      if (at >= from) shown.push(bytes.subarray(from, at), STARS);
      from = Math.max(from, at + length);
    }
    if (from < at) shown.push(bytes.subarray(from, at));
    hidden = Math.max(from - at, 0);
    held = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    return shown.length === 1 ? (shown[0] ?? NOTHING) : Buffer.concat(shown);
  }

  return {
    push: (chunk) => advance(held.length === 0 ? chunk : Buffer.concat([held, chunk]), false),
    end: () => advance(held, true),
  };
}

const STARS = Buffer.from(MASK);
const UNDECIDED = -1;

/** The length of the longest value at a position, 0, or `UNDECIDED` when the bytes end within a possible value. */
function matchAt(index: Index, key: number, bytes: Buffer, at: number, last: boolean): number {
  const bucket = index.buckets.get(key);
  return bucket === undefined ? 0 : matchIn(bucket, bytes, at, last);
}

/** The same for the last bytes, which are fewer than a pattern has. */
function endAt(index: Index, bytes: Buffer, at: number, last: boolean): number {
  return !last && index.beginnings.has(short(bytes, at, bytes.length - at)) ? UNDECIDED : 0;
}

/**
 * A pattern that the bytes begin with is not after them in order, and all such patterns are parents of the last one
 * that is not; a pattern that goes on where the bytes end comes right after them.
 */
function matchIn({ patterns, parents }: Bucket, bytes: Buffer, at: number, last: boolean): number {
  const left = bytes.length - at;
  let low = 0;
  let high = patterns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const pattern = patterns[middle] ?? NOTHING;
    if (pattern.compare(bytes, at, at + Math.min(pattern.length, left)) <= 0) low = middle + 1;
    else high = middle;
  }
  const next = last ? undefined : patterns[low];
  if (next !== undefined && next.length > left && next.compare(bytes, at, bytes.length, 0, left) === 0)
    return UNDECIDED;
  for (let place = low - 1; place >= 0; place = parents[place] ?? -1) {
    const length = patterns[place]?.length ?? 0;
    if (length <= left && patterns[place]?.compare(bytes, at, at + length) === 0) return length;
  }
  return 0;
}

function keyAt(bytes: Buffer, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return ((high << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}
