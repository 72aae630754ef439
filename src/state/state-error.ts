import { StateError } from '../errors.ts';
import { sqliteCode } from './database.ts';

/**
 * The error of a database or file system in plan's words; `doing` is such as `write the state in "/…/state.db"`.
 * Errors of other kinds are answered unchanged.
 */
export function stateError(doing: string, error: unknown): Error {
  const code = sqliteCode(error) ?? systemCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  const [state, hint] = explain(code) ?? [(error as Error).message, undefined];
  return new StateError(`Cannot ${doing}: ${state}`, hint);
}

/** Runs `work` and turns what it throws into a `StateError`. */
export function explained<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw stateError(doing, error);
  }
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined;
}

/** The file that cannot be enlarged is the index beside a write-ahead log. */
const FULL: ReadonlySet<string> = new Set(['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT']);
const RIGHTS = 'Check who owns the state directory and its rights, or choose another one with --state-dir.';

function explain(code: string): readonly [state: string, hint: string] | undefined {
  if (FULL.has(code))
    return [
      'the disk is full',
      'Make room on it and run the command again: it goes on from what is recorded.',
    ];
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS') return ['it is read-only', RIGHTS];
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return [
      'the file is damaged',
      'Restore it from a backup, or move the state directory away; machines that still run must then be ended by hand.',
    ];
  if (code.startsWith('SQLITE_CANTOPEN')) return ['the file cannot be opened', RIGHTS];
  if (code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_PERM' || code === 'SQLITE_AUTH')
    return ['permission denied', RIGHTS];
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return ['a file is in the way where a directory has to be', 'Choose another directory with --state-dir.'];
  if (code.startsWith('SQLITE_BUSY'))
    return ['another process has been writing to it for too long', 'Run the command again once it is done.'];
  return undefined;
}
