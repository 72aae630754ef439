import { StateError } from '../errors.ts';
import type { Database } from './database.ts';

/**
 * What brings a database from version n to n + 1, where n is the place in the list and the version is SQLite's
 * `user_version`. Entries are never changed, only added.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX deployments_by_name ON deployments (name);

  CREATE TABLE facts (
    number INTEGER PRIMARY KEY,
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    fact TEXT NOT NULL
  ) STRICT;
  CREATE INDEX facts_by_deployment ON facts (deployment);
  CREATE TRIGGER facts_are_final BEFORE UPDATE ON facts BEGIN SELECT raise(ABORT, 'facts are final'); END;

  CREATE TABLE machines (
    position INTEGER PRIMARY KEY,
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    name TEXT NOT NULL,
    gone INTEGER NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (deployment, name)
  ) STRICT;
  CREATE INDEX machines_that_live ON machines (deployment) WHERE gone = 0;

  CREATE TABLE instances (
    position INTEGER PRIMARY KEY,
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    UNIQUE (deployment, id)
  ) STRICT;

  CREATE TABLE batches (
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    number INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (deployment, number)
  ) STRICT;

  CREATE TABLE leases (
    deployment TEXT PRIMARY KEY,
    nonce TEXT NOT NULL,
    owner TEXT NOT NULL,
    pid INTEGER NOT NULL,
    operation TEXT NOT NULL,
    since INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE blobs (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE archives (digest TEXT PRIMARY KEY, manifest TEXT NOT NULL) STRICT;
  `,
  `
  ALTER TABLE leases ADD COLUMN host TEXT NOT NULL DEFAULT '';
  ALTER TABLE leases ADD COLUMN kernel TEXT NOT NULL DEFAULT '';
  `,
  `
  ALTER TABLE deployments ADD COLUMN print_key TEXT;
  `,
];

export const CURRENT_VERSION = MIGRATIONS.length;

/** The database's version. Throws `StateError` when a newer plan wrote it. */
export function versionOf(db: Database, path: string): number {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > CURRENT_VERSION) {
    throw new StateError(
      `Cannot read the state in "${path}": it was written by a newer plan (its version is ${version}, ` +
        `this plan knows ${CURRENT_VERSION})`,
      'Update plan, or use the plan that wrote it.',
    );
  }
  return version;
}

/** Brings the database to the current version; safe to run in several processes at once. */
export function migrate(db: Database, path: string): void {
  db.transaction(() => {
    for (const sql of MIGRATIONS.slice(versionOf(db, path))) db.exec(sql);
    db.pragma(`user_version = ${CURRENT_VERSION}`);
  }).immediate();
}
