import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StateError } from '../errors.ts';
import { ensureKey } from './cipher.ts';
import type { Database } from './database.ts';
import { isBusy, openDatabase, openCopy, openMemory, sqliteCode } from './database.ts';
import { CURRENT_VERSION, migrate, versionOf } from './migrations.ts';
import { explained, stateError } from './state-error.ts';

/** Tries to set up a database that other processes set up at the same time, 20 ms apart. */
const SETUP_TRIES = 250;

export function statePath(directory: string): string {
  return join(directory, 'state.db');
}

/**
 * Opens the database of a state directory, which is made or brought up to date first. With `readonly` nothing is
 * made: a directory without a database reads as one in which nothing is recorded, and reading rights are enough.
 */
export async function openStateDatabase(
  directory: string,
  options: { readonly readonly: boolean },
): Promise<Database> {
  const path = statePath(directory);
  if (!isThere(path)) {
    if (options.readonly) return emptyDatabase(path);
    explained(`create the state directory "${directory}"`, () => createDirectory(directory));
  }
  const db = open(path, options.readonly);
  try {
    if (versionOf(db, path) !== CURRENT_VERSION) await setUp(db, directory);
    db.pragma('foreign_keys = ON');
    return db;
  } catch (error) {
    db.close();
    throw stateError(`read the state in "${path}"`, error);
  }
}

function isThere(path: string): boolean {
  return explained(
    `read the state in "${path}"`,
    () => statSync(path, { throwIfNoEntry: false }) !== undefined,
  );
}

function emptyDatabase(path: string): Database {
  const db = openMemory();
  migrate(db, path);
  return db;
}

function open(path: string, readonly: boolean): Database {
  return explained(`read the state in "${path}"`, () => {
    try {
      return openAndTouch(path);
    } catch (error) {
      if (!readonly || !isForbidden(error) || hasWal(path)) throw error;
      return openCopy(path);
    }
  });
}

/** SQLite opens a file by name only; what is wrong with it shows when it is read. */
function openAndTouch(path: string): Database {
  const db = openDatabase(path);
  try {
    db.pragma('user_version');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** True where SQLite cannot make, or enlarge, the files that it has beside a database. */
function isForbidden(error: unknown): boolean {
  const code = sqliteCode(error) ?? '';
  return ['SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_FULL', 'SQLITE_IOERR_SHM'].some((kind) =>
    code.startsWith(kind),
  );
}

/** True when there are transactions that are not in the main file yet. */
function hasWal(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function createDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if ((statSync(directory).mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
  refuseNetwork(directory, statfsSync(directory).type);
  if (!existsSync(join(directory, '.gitignore')))
    writeFileSync(join(directory, '.gitignore'), '*\n', { mode: 0o600 });
  // Made here, because SQLite would make it with the rights of the umask. Never opened when it exists: closing
  // any handle of a file drops this process's locks on it.
  try {
    closeSync(openSync(statePath(directory), 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const NETWORK_FILE_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
]);

/** `type` is the magic number that `statfs` tells on Linux. */
export function refuseNetwork(directory: string, type: number): void {
  const network = NETWORK_FILE_SYSTEMS.get(type);
  if (network !== undefined) throw unsuitable(directory, `it is on a network file system (${network})`);
}

/** `mode` is SQLite's answer to the wish for a write-ahead log. */
export function requireWal(directory: string, mode: unknown): void {
  if (mode !== 'wal')
    throw unsuitable(directory, `its file system has no write-ahead log (journal mode "${String(mode)}")`);
}

function unsuitable(directory: string, reason: string): StateError {
  return new StateError(
    `Cannot keep state in "${directory}": ${reason}`,
    'Choose a directory on a local disk with --state-dir.',
  );
}

async function setUp(db: Database, directory: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      ensureKey(directory);
      requireWal(directory, db.pragma('journal_mode = WAL', { simple: true }));
      migrate(db, statePath(directory));
      return;
    } catch (error) {
      if (!isBusy(error) || tries === SETUP_TRIES) throw error;
      await delay(20);
    }
  }
}
