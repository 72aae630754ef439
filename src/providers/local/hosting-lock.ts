import { mkdirSync, openSync, closeSync, rmSync, rmdirSync, statSync } from 'node:fs';

import Database from 'better-sqlite3';

import { hostingPaths } from './paths.ts';
import type { MachineRecord } from './record.ts';

/** The right to serve the machines of a state directory, and what is recorded of them. */
export interface Hosting {
  /** Every machine that has not ended. */
  readonly machines: readonly MachineRecord[];
  /** Ids that the batch of this token was answered with. */
  batch(token: string): readonly string[] | undefined;
  /** Records a batch and its machines: all or nothing. */
  addBatch(token: string, machines: readonly MachineRecord[]): void;
  update(machines: readonly MachineRecord[]): void;
  remove(ids: readonly string[]): void;
  /** Gives the right up. `erase` removes every trace first, when no machine is left. */
  release(options: { readonly erase: boolean }): void;
}

/**
 * Takes the hosting of `machines/`, or answers undefined when another process has it. The right is an exclusive
 * SQLite transaction that is never written to, held until `release` or this process's death.
 */
export function takeHosting(directory: string): Hosting | undefined {
  const paths = hostingPaths(directory);
  for (;;) {
    const lock = tryLock(directory, paths.lock);
    if (lock === 'held') return undefined;
    if (lock !== 'moved') return openHosting(directory, lock);
  }
}

/** `moved`: the file was removed by a host that ended between our opening and locking it. */
function tryLock(directory: string, path: string): Database.Database | 'held' | 'moved' {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const before = touch(path);
  if (before === undefined) return 'moved';
  const lock = new Database(path, { timeout: 0 });
  try {
    // A journal file would outlive the erasing.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return 'held';
    throw error;
  }
  if (statSync(path, { throwIfNoEntry: false })?.ino === before) return lock;
  lock.close();
  return 'moved';
}

function touch(path: string): number | undefined {
  try {
    closeSync(openSync(path, 'a', 0o600));
    return statSync(path).ino;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function openHosting(directory: string, lock: Database.Database): Hosting {
  const paths = hostingPaths(directory);
  // It holds host keys; its journal gets the same mode.
  touch(paths.records);
  const records = new Database(paths.records);
  records.pragma('locking_mode = EXCLUSIVE');
  records.pragma('journal_mode = WAL');
  records.pragma('synchronous = NORMAL');
  records.exec(`
    CREATE TABLE IF NOT EXISTS machine (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS batch (token TEXT PRIMARY KEY, ids TEXT NOT NULL) STRICT;`);
  const put = records.prepare<[string, string]>('INSERT OR REPLACE INTO machine VALUES (?, ?)');
  const drop = records.prepare<[string]>('DELETE FROM machine WHERE id = ?');
  const addBatch = records.prepare<[string, string]>('INSERT INTO batch VALUES (?, ?)');
  const findBatch = records.prepare<[string], { readonly ids: string }>(
    'SELECT ids FROM batch WHERE token = ?',
  );
  const rows = records.prepare<[], { readonly record: string }>('SELECT record FROM machine').all();
  return {
    machines: rows.map(({ record }) => JSON.parse(record) as MachineRecord),
    batch(token) {
      const row = findBatch.get(token);
      return row === undefined ? undefined : (JSON.parse(row.ids) as string[]);
    },
    addBatch: records.transaction((token: string, machines: readonly MachineRecord[]) => {
      for (const machine of machines) put.run(machine.id, JSON.stringify(machine));
      addBatch.run(token, JSON.stringify(machines.map(({ id }) => id)));
    }),
    update: records.transaction((machines: readonly MachineRecord[]) => {
      for (const machine of machines) put.run(machine.id, JSON.stringify(machine));
    }),
    remove: records.transaction((ids: readonly string[]) => {
      for (const id of ids) drop.run(id);
    }),
    release({ erase }) {
      records.close();
      if (erase) eraseHosting(directory);
      lock.close();
    },
  };
}

/** Only while the lock is held: the next host may put its own files here as soon as it can take the lock. */
function eraseHosting(directory: string): void {
  const paths = hostingPaths(directory);
  for (const path of [paths.records, `${paths.records}-wal`, paths.address, paths.log, paths.lock]) {
    rmSync(path, { force: true });
  }
  try {
    rmdirSync(directory);
  } catch (error) {
    // The next host is about to begin here, or someone left a file of their own.
    if (!(
      error instanceof Error &&
      'code' in error &&
      ['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(String(error.code))
    ))
      throw error;
  }
}
