import { chmod, link, mkdir, open, symlink, utimes } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';
import { byteReader } from './tree-reader.ts';
import type { ByteReader } from './tree-reader.ts';
import { BLOCK, decodeHeader } from './tree-header.ts';
import type { TreeHeader } from './tree-header.ts';
import { copyError } from './tree-survey.ts';

export interface UnpackOptions {
  /** A file alone is put at `top` whatever it is called. */
  readonly kind: 'file' | 'directory';
  /** Where the top is put; nothing is there yet. */
  readonly top: string;
  readonly onBytes?: (count: number) => void;
}

/** Longest name that is taken from a machine. */
const NAME_LIMIT = 1024 * 1024;

/**
 * Unpacks a tar archive that a machine sent. Whatever it says, nothing is written outside of `top`: not through names,
 * nor through links. Rejects unless the archive is there to its end.
 */
export async function unpackTree(
  source: AsyncIterable<Buffer>,
  { kind, top, onBytes = () => undefined }: UnpackOptions,
): Promise<void> {
  const reader = byteReader(source);
  const directories = new Map<string, TreeHeader>();
  const files = new Set<string>();
  let count = 0;

  for (;;) {
    const header = await nextEntry(reader);
    if (header === undefined) break;
    const name = kind === 'file' ? '' : safeName(header.name);
    const at = name === '' ? top : `${top}/${name}`;
    if (kind === 'file' && (count > 0 || header.type !== '0')) throw odd(header.name, 'it is not one file');
    if (name !== '' && !directories.has(parentOf(name))) throw odd(header.name, 'its directory was not sent');
    count += 1;
    try {
      await place(header, name, at);
    } catch (error) {
      throw copyError(at, error);
    }
  }
  await reader.rest();
  if (count === 0) throw new ConnectionError('failed', 'Cannot copy: the machine sent nothing');
  // What a directory may not do any more is of no matter once all that it holds is there.
  for (const [name, { mode, modified }] of [...directories].toReversed()) {
    const at = name === '' ? top : `${top}/${name}`;
    await utimes(at, modified, modified);
    await chmod(at, mode);
  }

  async function place(header: TreeHeader, name: string, at: string): Promise<void> {
    const { type, size, modified, mode, target } = header;
    switch (type) {
      case '5':
        await mkdir(at, { mode: 0o700 });
        directories.set(name, header);
        return;
      case '2':
        await symlink(target, at);
        return;
      case '1': {
        const first = safeName(target);
        if (!files.has(first)) throw odd(header.name, 'the file that it is another name of was not sent');
        await link(`${top}/${first}`, at);
        files.add(name);
        return;
      }
      case '0': {
        const file = await open(at, 'wx', 0o600);
        try {
          for await (const piece of reader.pieces(size)) {
            await file.writeFile(piece);
            onBytes(piece.length);
          }
          await file.utimes(modified, modified);
          await file.chmod(mode);
        } finally {
          await file.close();
        }
        await reader.skip((BLOCK - (size % BLOCK)) % BLOCK);
        files.add(name);
        return;
      }
      default:
        throw odd(header.name, 'it is a special file');
    }
  }
}

/** The next entry, with what entries before it say of it; undefined at the end of the archive. */
async function nextEntry(reader: ByteReader): Promise<TreeHeader | undefined> {
  let more: Partial<TreeHeader> = {};
  for (;;) {
    const header = decodeHeader(await reader.take(BLOCK));
    if (header === undefined) return undefined;
    const isExtra = 'LKxg'.includes(header.type);
    if (!isExtra) return { ...header, ...more };
    if (header.size > NAME_LIMIT) throw odd('an entry', 'its name is too long');
    const bytes = await reader.take(header.size);
    await reader.skip((BLOCK - (header.size % BLOCK)) % BLOCK);
    const text = bytes.toString('utf8').replace(/\0.*$/s, '');
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
    const record = bytes.toString('utf8', bytes.indexOf(0x20, at) + 1, at + length - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    const key = record.slice(0, equals);
    if (key === 'path') more = { ...more, name: value };
    else if (key === 'linkpath') more = { ...more, target: value };
    else if (key === 'size') more = { ...more, size: Number(value) };
    at += length;
  }
  return more;
}

/** A name without `.` and double slashes; one that leads out of the tree is refused. */
function safeName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (name.startsWith('/') || parts.includes('..')) throw odd(name, 'it leads out of what is copied');
  return parts.join('/');
}

function parentOf(name: string): string {
  return name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '';
}

function odd(name: string, why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot copy "${name}" as the machine sent it: ${why}`);
}
