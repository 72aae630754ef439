import type { Stats } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';

/** One thing of a tree; `name` is relative to its top, which is called ''. */
export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'link';
  readonly name: string;
  /** Where it is on this computer. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modified: number;
  /** Where a link leads; empty for others. */
  readonly target: string;
}

/** A file or a directory of this computer with all that is in it, every directory before what it holds. */
export interface Tree {
  readonly kind: 'file' | 'directory';
  readonly path: string;
  readonly entries: readonly TreeEntry[];
}

/** Looks at what is to be copied. What the path itself links to is followed; links inside are kept. */
export async function surveyTree(path: string): Promise<Tree> {
  const top = await looked(path, () => stat(path));
  const kind = kindOf(top, path);
  if (kind === 'link') throw new Error('A link that was followed is a link. This is a bug in plan.');
  const entries: TreeEntry[] = [];
  await add('', path, top);
  return { kind, path, entries };

  async function add(name: string, at: string, stats: Stats): Promise<void> {
    const found = kindOf(stats, at);
    entries.push({
      kind: found,
      name,
      path: at,
      mode: stats.mode & 0o777,
      size: found === 'file' ? stats.size : 0,
      modified: Math.max(0, Math.floor(stats.mtimeMs / 1_000)),
      target: found === 'link' ? await looked(at, () => readlink(at)) : '',
    });
    if (found !== 'directory') return;
    for (const child of (await looked(at, () => readdir(at))).toSorted()) {
      const below = `${at.replace(/\/$/, '')}/${child}`;
      await add(name === '' ? child : `${name}/${child}`, below, await looked(below, () => lstat(below)));
    }
  }
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
  EACCES: 'it may not be read',
  ELOOP: 'its links lead in circles',
};

async function looked<T>(path: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw copyError(path, error);
  }
}

/** What a call of the file system refused, as words that people can do something with. */
export function copyError(path: string, error: unknown): Error {
  if (!(error instanceof Error) || !('code' in error)) return error as Error;
  const why = REASONS[String(error.code)] ?? error.message;
  return new ConnectionError('failed', `Cannot copy "${path}": ${why}`, { cause: error });
}
