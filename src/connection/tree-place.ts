import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { ConnectionError } from './connection.ts';
import { bytes, encode, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { copyError, shownPath } from './tree-survey.ts';

/**
 * Has `fill` make a file or a directory under a temporary name, beside where it belongs, and puts it in place only
 * when that succeeded: one that is there is replaced, directories are merged. Nothing is left of one that failed, and
 * what is left of one whose process was killed goes with the next.
 */
export async function placeTree(
  path: string,
  kind: 'file' | 'directory',
  fill: (top: string) => Promise<void>,
): Promise<void> {
  const there = await statOf(path, stat);
  if (kind === 'file' && there?.isDirectory() === true) throw refused(path, 'it is a directory');
  if (kind === 'file' && there?.isFile() === false) throw refused(path, 'it is a special file');
  if (kind === 'directory' && there?.isDirectory() === false) throw refused(path, 'it is no directory');
  const base = there?.isDirectory() === true ? path : dirname(path);
  if ((await statOf(base, stat)) === undefined) throw refused(path, `there is no directory "${base}"`);
  await tidy(base);
  const temporary = join(base, `${prefix()}${process.pid}-${randomBytes(12).toString('hex')}`);
  try {
    await orRefuse(path, () => mkdir(temporary, { mode: 0o700 }));
    const top = join(temporary, 'tree');
    await fill(top);
    await move(utf8(top), utf8(path));
  } finally {
    await remove(temporary);
  }
}

/** Temporary directories of this host; the id of the process follows, which tells whether somebody is at work there. */
function prefix(): string {
  const host = hostname();
  return `.plan-copy-${/^[A-Za-z0-9.-]+$/.test(host) ? host : 'unknown'}-`;
}

async function tidy(base: string): Promise<void> {
  const names = await readdir(base).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix())) continue;
    const [, pid] = /^(\d+)-[0-9a-f]+$/.exec(name.slice(prefix().length)) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await remove(join(base, name)).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** Also with directories in it that may not be written. */
async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await openUp(utf8(path));
    await rm(path, { recursive: true, force: true });
  }
}

async function openUp(path: ShellText): Promise<void> {
  await chmod(encode(path), 0o700);
  for (const entry of await readdir(encode(path), { encoding: 'buffer', withFileTypes: true }))
    if (entry.isDirectory()) await openUp(`${path}/${bytes(entry.name)}`);
}

/** Directories are moved whole where there is none, else what is in them. A link is never followed. */
async function move(from: ShellText, to: ShellText): Promise<void> {
  const [given, there] = [await lstat(encode(from)), await statOf(encode(to), lstat)];
  const isMerged = given.isDirectory() && there !== undefined;
  if (isMerged && !there.isDirectory() && (await statOf(encode(to), stat))?.isDirectory() !== true)
    throw refused(shownPath(to), 'it is no directory');
  if (!isMerged) {
    await orRefuse(shownPath(to), async () => {
      // One that may not be written can be given no other parent.
      if (given.isDirectory()) await chmod(encode(from), given.mode | 0o700);
      await rename(encode(from), encode(to));
      if (given.isDirectory()) await chmod(encode(to), given.mode & 0o777);
    });
    return;
  }
  await chmod(encode(from), given.mode | 0o700);
  for (const name of (await readdir(encode(from), 'buffer')).map(bytes)) {
    const below = `${to.replace(/\/$/, '')}/${name}`;
    if (
      (await lstat(encode(`${from}/${name}`))).isDirectory() &&
      (await statOf(encode(below), lstat))?.isSymbolicLink() === true
    )
      throw refused(shownPath(below), 'it is a link, and a directory was sent');
    await move(`${from}/${name}`, below);
  }
}

async function statOf(
  path: string | Buffer,
  look: (path: string | Buffer) => Promise<Stats>,
): Promise<Stats | undefined> {
  try {
    return await look(path);
  } catch {
    return undefined;
  }
}

async function orRefuse(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw copyError(path, error, 'written');
  }
}

function refused(path: string, why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot copy to "${path}": ${why}`);
}
