import { ConnectionError } from './connection.ts';
import { bytes as textOf } from './shell-text.ts';
import { BLOCK, decodeHeader } from './tree-header.ts';
import type { TreeHeader } from './tree-header.ts';
import type { ByteReader } from './tree-reader.ts';
import { shownPath } from './tree-survey.ts';

/** How a tree travels: as a tar archive, or in a way that takes no tar on the machine (see `transfer-plain.ts`). */
export type TreeFormat = 'tar' | 'plain';

/** Longest name that is taken from a machine. */
const NAME_LIMIT = 1024 * 1024;

/** The entries of a stream, one after the other. */
export interface TreeEntries {
  /** Undefined at the end. */
  next(): Promise<TreeHeader | undefined>;
  /** Reads what follows the content of a file. */
  afterContent(size: number): Promise<void>;
}

export function entriesOf(reader: ByteReader, format: TreeFormat): TreeEntries {
  const skipPadding = (size: number): Promise<void> => reader.skip((BLOCK - (size % BLOCK)) % BLOCK);
  if (format === 'plain') return { next: () => nextPlain(reader), afterContent: () => Promise.resolve() };
  return { next: () => nextOfArchive(reader, skipPadding), afterContent: skipPadding };
}

/** The next entry, with what entries before it say of it; undefined at the end of the archive. */
async function nextOfArchive(
  reader: ByteReader,
  skipPadding: (size: number) => Promise<void>,
): Promise<TreeHeader | undefined> {
  let more: Partial<TreeHeader> = {};
  for (;;) {
    const header = decodeHeader(await reader.take(BLOCK));
    if (header === undefined) return undefined;
    const isExtra = 'LKxg'.includes(header.type);
    if (!isExtra) return { ...header, ...more };
    if (header.size > NAME_LIMIT) throw oddEntry('an entry', 'its name is too long');
    const bytes = await reader.take(header.size);
    await skipPadding(header.size);
    const text = textOf(bytes).replace(/\0.*$/s, '');
    if (header.type === 'L') more = { ...more, name: text };
    else if (header.type === 'K') more = { ...more, target: text };
    else if (header.type === 'x') more = { ...more, ...records(bytes) };
  }
}

/** `<length> <key>=<value>\n` again and again. */
function records(bytes: Buffer): Partial<TreeHeader> {
  let more: Partial<TreeHeader> = {};
  for (let at = 0; at < bytes.length;) {
    const length = Number.parseInt(bytes.toString('latin1', at, at + 20), 10);
    if (!(length > 0)) break;
    const record = bytes.toString('latin1', bytes.indexOf(0x20, at) + 1, at + length - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key === 'path') more = { ...more, name: value };
    else if (key === 'linkpath') more = { ...more, target: value };
    else if (key === 'size') more = { ...more, size: Number(value) };
    else if (key.startsWith('GNU.sparse.')) throw oddEntry('a file', 'its holes were left out');
    at += length;
  }
  return more;
}

/** Six fields, each with a NUL behind; `end` is the last, `x` tells in place of a name why it does not go on. */
async function nextPlain(reader: ByteReader): Promise<TreeHeader | undefined> {
  const field = async (): Promise<string> => textOf(await reader.until(0, NAME_LIMIT));
  const type = await field();
  if (type === 'end') return undefined;
  const [mode, size, modified, name, target] = [
    await field(),
    Number((await field()).trim()),
    Number((await field()).trim()),
    await field(),
    await field(),
  ];
  if (type === 'x') throw new ConnectionError('failed', `Cannot copy: ${shownPath(name)}`);
  if (!(size >= 0) || !(modified >= 0)) throw oddEntry(name, 'it has no size');
  return { type, mode: modeOf(mode), size, modified, name, target };
}

/** The permission bits of `-rwxr-x---`. */
function modeOf(text: string): number {
  let mode = 0;
  for (const letter of text.slice(1, 10)) mode = mode * 2 + (/[rwxst]/.test(letter) ? 1 : 0);
  return mode;
}

/** Refuses something that a machine sent. */
export function oddEntry(name: string, why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot copy "${shownPath(name)}" as the machine sent it: ${why}`);
}
