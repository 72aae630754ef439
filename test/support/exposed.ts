import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What is in a directory, itself included, and not kept from other users by itself or by a directory above it. */
export function exposed(root: string): readonly string[] {
  // A link's own mode says nothing, and one may lead nowhere.
  if (!existsSync(root)) return [];
  const entry = statSync(root);
  if ((entry.mode & 0o077) === 0) return [];
  if (!entry.isDirectory()) return [root];
  return [root, ...readdirSync(root).flatMap((name) => exposed(join(root, name)))];
}

/** The directories of this name below one, with their modes. */
export function modesOf(root: string, name: string): ReadonlyMap<string, number> {
  const found = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name === name)
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(found.map((path) => [path, statSync(path).mode & 0o777]));
}
