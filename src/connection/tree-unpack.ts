import { chmod, link, mkdir, open, symlink, utimes } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';
import { encode, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { createCrowd, SMALL } from './tree-ahead.ts';
import { entriesOf, oddEntry } from './tree-entries.ts';
import type { TreeFormat } from './tree-entries.ts';
import type { TreeHeader } from './tree-header.ts';
import { byteReader } from './tree-reader.ts';
import { copyError, shownPath } from './tree-survey.ts';

export interface UnpackOptions {
  /** A file alone is put at `top` whatever it is called. */
  readonly kind: 'file' | 'directory';
  readonly format: TreeFormat;
  /** Where the top is put; nothing is there yet. */
  readonly top: string;
  /** What the top becomes, for messages. */
  readonly path: string;
  readonly onBytes?: (count: number) => void;
}

/**
 * Unpacks a tree that a machine sent. Whatever it says, nothing is written outside of `top`: not through names, nor
 * through links. Rejects unless the tree is there to its end.
 */
export async function unpackTree(
  source: AsyncIterable<Buffer>,
  { kind, format, top, path, onBytes = () => undefined }: UnpackOptions,
): Promise<void> {
  const reader = byteReader(source);
  const entries = entriesOf(reader, format);
  const directories = new Map<ShellText, TreeHeader>();
  const files = new Set<ShellText>();
  const small = createCrowd();
  const below = (name: ShellText): Buffer => encode(name === '' ? utf8(top) : `${utf8(top)}/${name}`);
  let count = 0;

  try {
    for (;;) {
      const header = await entries.next();
      if (header === undefined) break;
      const name = kind === 'file' ? '' : safeName(header.name);
      if (kind === 'file' && (count > 0 || header.type !== '0'))
        throw oddEntry(header.name, 'it is not one file');
      if (name !== '' && !directories.has(parentOf(name)))
        throw oddEntry(header.name, 'its directory was not sent');
      count += 1;
      await orRefuse(name, () => place(header, name, below(name)));
    }
    await small.done();
  } catch (error) {
    // Nobody may write any more where others remove.
    await small.done().catch(() => undefined);
    throw error;
  }
  await reader.rest();
  if (count === 0) throw new ConnectionError('failed', 'Cannot copy: the machine sent nothing');
  // What a directory may not do any more is of no matter once all that it holds is there.
  for (const [name, { mode, modified }] of [...directories].toReversed())
    await orRefuse(name, async () => {
      await utimes(below(name), modified, modified);
      await chmod(below(name), mode);
    });

  async function orRefuse(name: ShellText, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw copyError(name === '' ? path : `${path}/${shownPath(name)}`, error, 'written');
    }
  }

  async function place(header: TreeHeader, name: ShellText, at: Buffer): Promise<void> {
    const { type, target } = header;
    switch (type) {
      case '5':
        await mkdir(at, { mode: 0o700 });
        directories.set(name, header);
        return;
      case '2':
        await symlink(encode(target), at);
        return;
      case '1': {
        const first = safeName(target);
        if (!files.has(first))
          throw oddEntry(header.name, 'the file that it is another name of was not sent');
        await small.done();
        await link(below(first), at);
        files.add(name);
        return;
      }
      case '0':
        if (header.size > SMALL) await write(header, at, reader.pieces(header.size));
        else {
          const bytes = await reader.take(header.size);
          await small.add(() => orRefuse(name, () => write(header, at, [bytes])));
        }
        await entries.afterContent(header.size);
        files.add(name);
        return;
      default:
        throw oddEntry(header.name, 'it is a special file');
    }
  }

  async function write(
    { modified, mode }: TreeHeader,
    at: Buffer,
    pieces: AsyncIterable<Buffer> | readonly Buffer[],
  ): Promise<void> {
    const file = await open(at, 'wx', 0o600);
    try {
      for await (const piece of pieces) {
        await file.writeFile(piece);
        onBytes(piece.length);
      }
      await file.utimes(modified, modified);
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  }
}

/** A name without `.` and double slashes; one that leads out of the tree is refused. */
function safeName(name: ShellText): ShellText {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..')) throw oddEntry(name, 'it leads out of what is copied');
  return parts.join('/');
}

function parentOf(name: ShellText): ShellText {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '';
}
