import { join } from 'node:path';
import type { Sources } from '../sources.ts';

export interface TreeFile {
  /** Relative to the tree's root, with `/`. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

/** `unreadable`: relative path of an entry that is no file or directory that can be read: a socket, a link to nowhere. */
export type Tree =
  | { readonly kind: 'tree'; readonly files: readonly TreeFile[] }
  | { readonly kind: 'unreadable'; readonly path: string }
  | { readonly kind: 'too-large' };

/** More files than anybody copies on purpose. */
export const MAX_TREE_FILES = 10_000;

/** All files below a directory, sorted by path. */
export function readTree(sources: Sources, root: string): Tree {
  const files: TreeFile[] = [];
  const open: string[] = [''];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const entry = sources.read(join(root, path));
    if (entry === undefined) return { kind: 'unreadable', path };
    if (entry.kind === 'file') files.push({ path, mode: entry.mode, bytes: entry.bytes });
    else open.push(...entry.names.map((name) => (path === '' ? name : `${path}/${name}`)));
    if (files.length + open.length > MAX_TREE_FILES) return { kind: 'too-large' };
  }
  return { kind: 'tree', files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}
