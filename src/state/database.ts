import { readFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

export type Database = Sqlite.Database;

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT = 5_000;

/** Opens a database file that exists. */
export function openDatabase(
  path: string,
  options: { readonly timeout: number; readonly readonly?: boolean } = { timeout: BUSY_TIMEOUT },
): Database {
  const { timeout, readonly = false } = options;
  return new Sqlite(path, { fileMustExist: true, timeout, readonly });
}

/**
 * A copy in memory of a file that nobody writes, for a place where SQLite cannot make the files that it has beside
 * a database with a write-ahead log.
 */
export function openCopy(path: string): Database {
  const bytes = readFileSync(path);
  // The header's read and write version; 2 asks for a write-ahead log, which a copy has no place for.
  bytes.fill(1, 18, 20);
  return new Sqlite(bytes, { readonly: true });
}

/** A database that is gone when it is closed. */
export function openMemory(): Database {
  return new Sqlite(':memory:');
}

/** SQLite's name of the error, such as `SQLITE_FULL`; undefined when it is none of SQLite's. */
export function sqliteCode(error: unknown): string | undefined {
  return error instanceof Sqlite.SqliteError ? error.code : undefined;
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error)?.startsWith('SQLITE_BUSY') === true;
}
