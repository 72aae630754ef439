import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from './database.ts';
import { isBusy, openDatabase } from './database.ts';

/**
 * An exclusive SQLite transaction on a file of its own: the kernel ends it with its process, so a death on this
 * host is known at once without trusting process ids.
 */
export interface LockFile {
  /** Removes the file and frees it. */
  release(): void;
}

/** Takes the lock, or answers undefined at once when another process, or another part of this one, has it. */
export function tryLockFile(path: string): LockFile | undefined {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  createEmpty(path);
  const opened = identity(path);
  if (opened === undefined) return undefined;
  const db = openUnmoved(path, opened, { readonly: false });
  if (db === undefined) return undefined;
  try {
    // A journal would be a file beside it, which the next holder would take for the sign of a crash.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
    // A holder removes the file before it frees it, so what was locked may no longer be what stands there.
    if (identity(path) === opened) return { release: () => release(db, path, opened) };
  } catch (error) {
    db.close();
    if (isBusy(error) || identity(path) !== opened) return undefined;
    throw error;
  }
  db.close();
  return undefined;
}

/** True while a process that this kernel knows has the lock. Reading rights are enough. */
export function isLocked(path: string): boolean {
  for (;;) {
    const opened = identity(path);
    if (opened === undefined) return false;
    const answer = isFileLocked(path, opened);
    if (answer !== undefined) return answer;
  }
}

/** Undefined when another file took the place of this one. */
function isFileLocked(path: string, opened: string): boolean | undefined {
  const db = openUnmoved(path, opened, { readonly: true });
  if (db === undefined) return undefined;
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    if (identity(path) !== opened) return undefined;
    throw error;
  } finally {
    db.close();
  }
}

/** A file that took the place of ours is somebody else's lock. */
function release(db: Database, path: string, opened: string): void {
  try {
    if (identity(path) === opened) rmSync(path, { force: true });
  } finally {
    db.close();
  }
}

/** Never opens a file that exists: closing any handle of a file drops this process's locks on it. */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Tells a file from another that took its place. Numbers of files are used again, moments of birth are not. */
function identity(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}

/** Undefined when the file is gone, or another took its place, since it was looked at. */
function openUnmoved(
  path: string,
  opened: string,
  options: { readonly readonly: boolean },
): Database | undefined {
  try {
    return openDatabase(path, { timeout: 0, ...options });
  } catch (error) {
    if (identity(path) !== opened) return undefined;
    throw error;
  }
}
