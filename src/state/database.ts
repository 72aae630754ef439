import { pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';

export type Database = Sqlite.Database;

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT = 5_000;

/** Opens a database file that exists. */
export function openDatabase(
  path: string,
  options: { readonly timeout: number } = { timeout: BUSY_TIMEOUT },
): Database {
  return new Sqlite(path, { fileMustExist: true, timeout: options.timeout });
}

/** Opens a file that nobody writes, from a place where not even SQLite's own side files can be made. */
export function openImmutable(path: string): Database {
  return new Sqlite(`${pathToFileURL(path).href}?immutable=1`, { readonly: true });
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
