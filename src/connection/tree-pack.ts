import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';
import { encode, quote } from './shell-text.ts';
import { ahead, SMALL } from './tree-ahead.ts';
import { BLOCK, encodeHeader, padding } from './tree-header.ts';
import { octal } from './upload.ts';
import { copyError, isGone, secondsOf, shownPath } from './tree-survey.ts';
import type { Tree, TreeEntry } from './tree-survey.ts';

/** Bytes that are read at once, and that small things are collected to. */
export const PIECE = 256 * 1024;

const TYPES = { file: '0', directory: '5', link: '2' } as const;

/**
 * A tar archive of a tree, whose top is called `tree`, and an empty file `whole` after it, which tells that nothing is
 * missing. The top directory may be moved by whoever gets it, whatever its mode. A file `modes` before `whole` is a
 * program for a shell that gives other directories their modes when they are written to no more, if there are some
 * whose owner may not write to them: not every tar waits with that.
 */
export async function* packTree(
  { entries }: Tree,
  onBytes: (count: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  const whole = { type: '0', name: 'whole', target: '', mode: 0o600, size: 0, modified: 0 };
  async function* pieces(): AsyncGenerator<Buffer> {
    for await (const [entry, file] of opened(entries)) yield* packEntry(entry, file, onBytes);
    const closed = entries.filter(isClosed).toReversed();
    if (closed.length > 0) {
      const modes = encode(
        closed.map(({ name, mode }) => `chmod ${octal(mode)} ${quote(`tree/${name}`)}\n`).join(''),
      );
      yield encodeHeader({ ...whole, name: 'modes', size: modes.length });
      yield modes;
      yield padding(modes.length);
    }
    yield encodeHeader(whole);
    yield Buffer.alloc(2 * BLOCK);
  }
  yield* collected(pieces());
}

/** The same bytes in pieces of some size. */
export async function* collected(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let small: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    small.push(piece);
    size += piece.length;
    if (size < PIECE) continue;
    yield small.length === 1 ? piece : Buffer.concat(small);
    small = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(small);
}

async function* packEntry(
  entry: TreeEntry,
  file: OpenedEntry | undefined,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer> {
  const { kind, name, target, modified } = entry;
  const path = name === '' ? 'tree' : `tree/${name}`;
  const header = { type: TYPES[kind], name: path, target, mode: entry.mode, size: 0, modified };
  if (kind === 'link') yield encodeHeader(header);
  else if (kind === 'directory')
    yield encodeHeader({ ...header, name: `${path}/`, mode: entry.mode | 0o700 });
  else if (file !== undefined) {
    const { mode, size } = file;
    yield encodeHeader({ ...header, mode, size, modified: file.modified });
    yield* file.content(onBytes);
    yield padding(size);
  }
}

function isClosed({ kind, name, mode }: TreeEntry): boolean {
  return kind === 'directory' && name !== '' && (mode & 0o700) !== 0o700;
}

/** The entries, each file opened; undefined: it is gone. Those that are not small are open while it is their turn. */
export async function* opened(
  entries: readonly TreeEntry[],
): AsyncGenerator<readonly [TreeEntry, OpenedEntry | undefined]> {
  const isFile = ({ kind }: TreeEntry): boolean => kind === 'file';
  const small = ahead(entries, (entry) => isFile(entry) && entry.size <= SMALL, readEntry);
  for await (const [entry, read] of small) {
    if (read?.kind === 'read') yield [entry, read.file];
    else if (read?.kind === 'gone' || !isFile(entry)) yield [entry, undefined];
    else {
      await using file = await openEntry(entry);
      yield [entry, file];
    }
  }
}

type Read =
  | { readonly kind: 'read'; readonly file: OpenedEntry }
  | { readonly kind: 'gone' }
  /** It is not small any more. */
  | { readonly kind: 'grown' };

/** A small file as it is, closed again. */
async function readEntry(entry: TreeEntry): Promise<Read> {
  await using file = await openEntry(entry);
  if (file === undefined) return { kind: 'gone' };
  if (file.size > SMALL) return { kind: 'grown' };
  const pieces: Buffer[] = [];
  for await (const piece of file.content(() => undefined)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  return {
    kind: 'read',
    file: {
      ...file,
      async *content(onBytes) {
        if (bytes.length > 0) onBytes(bytes.length);
        yield await Promise.resolve(bytes);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  };
}

/** A file of a tree as it is found when its turn comes. */
export interface OpenedEntry extends AsyncDisposable {
  readonly mode: number;
  readonly size: number;
  readonly modified: number;
  /** Exactly `size` bytes, whatever is written to it meanwhile; rejects when it became shorter. */
  content(onBytes: (count: number) => void): AsyncGenerator<Buffer>;
}

/** Opens a file of a tree; undefined: it is gone, and was not the top. */
async function openEntry({ name, path }: TreeEntry): Promise<OpenedEntry | undefined> {
  let file: FileHandle;
  try {
    // Opening what became a named pipe meanwhile waits for nobody.
    file = await open(encode(path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (name !== '' && isGone(error)) return undefined;
    throw copyError(shownPath(path), error);
  }
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw changed('is no file any more');
    return {
      mode: stats.mode & 0o777,
      size: stats.size,
      modified: secondsOf(stats),
      content: (onBytes) => content(file, stats.size, onBytes),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }

  async function* content(
    from: FileHandle,
    size: number,
    onBytes: (count: number) => void,
  ): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      const { bytesRead, buffer } = await read(from, Buffer.allocUnsafe(Math.min(left, PIECE)));
      if (bytesRead === 0) throw changed('became shorter meanwhile');
      left -= bytesRead;
      onBytes(bytesRead);
      yield buffer.subarray(0, bytesRead);
    }
  }

  async function read(
    from: FileHandle,
    buffer: Buffer,
  ): Promise<{ readonly bytesRead: number; readonly buffer: Buffer }> {
    try {
      return await from.read(buffer);
    } catch (error) {
      throw copyError(shownPath(path), error);
    }
  }

  function changed(how: string): ConnectionError {
    return new ConnectionError('failed', `Cannot copy "${shownPath(path)}": it ${how}`);
  }
}
