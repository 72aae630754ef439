import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';
import { bytes, encode, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';

/** One thing of a tree; `name` is relative to its top, which is called ''. Names are bytes. */
export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'link';
  readonly name: ShellText;
  /** Where it is on this computer. */
  readonly path: ShellText;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modified: number;
  /** Where a link leads; empty for others. */
  readonly target: ShellText;
}

/** A file or a directory of this computer with all that is in it, every directory before what it holds. */
export interface Tree {
  readonly kind: 'file' | 'directory';
  readonly path: string;
  readonly entries: readonly TreeEntry[];
}

/**
 * Looks at what is to be copied. What the path itself links to is followed; links inside are kept. What goes while it
 * is looked at is left out.
 */
export async function surveyTree(path: string): Promise<Tree> {
  const top = await looked(path, () => stat(path));
  const kind = kindOf(top, path);
  if (kind === 'link') throw new Error('A link that was followed is a link. This is a bug in plan.');
  const entries: TreeEntry[] = [];
  await add('', utf8(path), top);
  return { kind, path, entries };

  async function add(name: ShellText, at: ShellText, stats: Stats): Promise<void> {
    const found = kindOf(stats, shownPath(at));
    const target = found === 'link' ? await there(at, () => readlink(encode(at), 'buffer')) : Buffer.alloc(0);
    const children = found === 'directory' ? await there(at, () => readdir(encode(at), 'buffer')) : [];
    if (target === undefined || children === undefined) return;
    entries.push({
      kind: found,
      name,
      path: at,
      mode: stats.mode & 0o777,
      size: found === 'file' ? stats.size : 0,
      modified: secondsOf(stats),
      target: bytes(target),
    });
    for (const child of children.map(bytes).toSorted()) {
      const below = `${at.replace(/\/$/, '')}/${child}`;
      const seen = await there(below, () => lstat(encode(below)));
      if (seen !== undefined) await add(name === '' ? child : `${name}/${child}`, below, seen);
    }
  }
}

/** When a file was last written to, in seconds since the epoch. */
export function secondsOf({ mtimeMs }: Stats): number {
  return Math.max(0, Math.floor(mtimeMs / 1_000));
}

/** A path of bytes as people read it. */
export function shownPath(path: ShellText): string {
  return encode(path).toString('utf8');
}

function kindOf(stats: Stats, path: string): TreeEntry['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'link';
  const what = stats.isFIFO() ? 'a named pipe' : stats.isSocket() ? 'a socket' : 'a device';
  throw new ConnectionError('failed', `Cannot copy "${path}": it is ${what}`);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  ELOOP: 'its links lead in circles',
  EMFILE: 'too many files are open',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is exceeded',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'its name is too long',
};

/** What `look` says of something in a tree; undefined: it is gone meanwhile. */
async function there<T>(path: ShellText, look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw copyError(shownPath(path), error);
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function looked<T>(path: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw copyError(path, error);
  }
}

/** What a call of the file system refused, as words that people can do something with. */
export function copyError(path: string, error: unknown, may: 'read' | 'written' = 'read'): Error {
  if (!(error instanceof Error) || error instanceof ConnectionError || !('code' in error))
    return error as Error;
  const isForbidden = error.code === 'EACCES' || error.code === 'EPERM';
  const why = isForbidden ? `it may not be ${may}` : (REASONS[String(error.code)] ?? error.message);
  const verb = may === 'read' ? 'copy' : 'copy to';
  return new ConnectionError('failed', `Cannot ${verb} "${path}": ${why}`, { cause: error });
}
