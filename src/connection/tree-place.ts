import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConnectionError } from './connection.ts';
import { copyError } from './tree-survey.ts';

/**
 * Has `fill` make a file or a directory under a temporary name, beside where it belongs, and puts it in place only
 * when that succeeded: one that is there is replaced, directories are merged. Nothing is left of one that failed.
 */
export async function placeTree(
  path: string,
  kind: 'file' | 'directory',
  fill: (top: string) => Promise<void>,
): Promise<void> {
  const there = await statOf(path, stat);
  if (kind === 'file' && there?.isDirectory() === true) throw refused(path, 'it is a directory');
  if (kind === 'directory' && there !== undefined && !there.isDirectory())
    throw refused(path, 'it is no directory');
  const base = there?.isDirectory() === true ? path : dirname(path);
  if ((await statOf(base, stat)) === undefined) throw refused(path, `there is no directory "${base}"`);
  const temporary = join(base, `.plan-${randomBytes(12).toString('hex')}`);
  try {
    await mkdir(temporary, { mode: 0o700 }).catch((error: unknown) => Promise.reject(copyError(path, error)));
    const top = join(temporary, 'tree');
    await fill(top);
    await move(top, path).catch((error: unknown) => Promise.reject(copyError(path, error)));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Directories are moved whole where there is none, else what is in them. A link is never followed. */
async function move(from: string, to: string): Promise<void> {
  const [given, there] = [await lstat(from), await statOf(to, lstat)];
  const isMerged = given.isDirectory() && there !== undefined;
  if (isMerged && !there.isDirectory() && (await statOf(to, stat))?.isDirectory() !== true)
    throw refused(to, 'it is no directory');
  if (!isMerged) {
    // One that may not be written can be given no other parent.
    if (given.isDirectory()) await chmod(from, given.mode | 0o700);
    await rename(from, to);
    if (given.isDirectory()) await chmod(to, given.mode & 0o777);
    return;
  }
  await chmod(from, given.mode | 0o700);
  for (const name of await readdir(from)) {
    const below = join(to, name);
    if (
      (await lstat(join(from, name))).isDirectory() &&
      (await statOf(below, lstat))?.isSymbolicLink() === true
    )
      throw refused(below, 'it is a link, and a directory was sent');
    await move(join(from, name), below);
  }
}

async function statOf(path: string, look: (path: string) => Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await look(path);
  } catch {
    return undefined;
  }
}

function refused(path: string, why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot copy to "${path}": ${why}`);
}
