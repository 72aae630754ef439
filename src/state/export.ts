import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { UsageError } from '../errors.ts';
import type { Cipher } from './cipher.ts';
import { createCipher, readKey } from './cipher.ts';
import type { Database } from './database.ts';
import type { DeploymentJson, ExportEntry, ExportHead } from './export-entry.ts';
import { writeExportFile } from './export-file.ts';
import { homesOf } from './export-home.ts';
import { exportRows, PART_BYTES, partsOf } from './export-rows.ts';
import { startSeal } from './export-seal.ts';
import { readPrintKey } from './import-place.ts';
import { dropLease, writeLease } from './lease.ts';
import type { Place } from './lease-place.ts';
import { takeLock } from './lock.ts';
import { allLogs } from './log-files.ts';
import { openStateDatabase, statePath } from './state-directory.ts';
import { explained } from './state-error.ts';

export interface ExportRequest {
  /** The state directory, absolute. */
  readonly directory: string;
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  readonly passphrase: string;
  /** How much work each guess of the passphrase is: scrypt's N. Default: 2^17. */
  readonly cost?: number;
  /** Write over a file that is there. */
  readonly force: boolean;
  /** Keep others from working on it here from then on. */
  readonly move: boolean;
  readonly logs: boolean;
  readonly owner: string;
  readonly lockTimeout: number;
  /** Asked for further files that belong to it while nobody else may change it. */
  files(): Promise<readonly ExportedFile[]>;
}

export interface ExportedFile {
  /** `hosts/….json`, or `id_ed25519`. */
  readonly path: string;
  readonly bytes: Buffer;
}

export interface Exported {
  readonly name: string;
  readonly uuid: string;
  /** How many records there are of each kind. */
  readonly facts: number;
  readonly machines: number;
  /** Names of live machines that are on this computer. */
  readonly here: readonly string[];
  readonly moved: boolean;
}

/** Entries after which others have a turn. */
const TURN = 200;

/**
 * Writes a deployment to a sealed file, whole or not at all. Rejects with `UsageError` when there is no such deployment
 * or the file is there, with `LockedError` while an operation is at work on it, with `StateError`.
 */
export async function exportDeployment(
  request: ExportRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<Exported> {
  const { directory, name, file, owner, move } = request;
  if (!request.force && existsSync(file)) throw isThere(file);
  const db = await openStateDatabase(directory, { readonly: false });
  try {
    const holder = { owner, operation: 'export' } as const;
    const lock = await takeLock(db, directory, name, holder, { timeout: request.lockTimeout, signal });
    let moved = false;
    try {
      const exported = await write(db, request, { signal });
      if (move) {
        const lease = {
          nonce: lock.nonce,
          owner,
          pid: process.pid,
          operation: 'move',
          since: Date.now(),
        } as const;
        explained(`write the state in "${statePath(directory)}"`, () =>
          db.transaction(() => writeLease(db, name, { ...lease, ...movedTo(file) })).immediate(),
        );
        moved = true;
      }
      return exported;
    } finally {
      if (!moved) dropLease(db, name, lock.nonce);
      lock.file.release();
    }
  } finally {
    db.close();
  }
}

/** No process of this computer is at that place, so that nobody takes the lock. */
function movedTo(file: string): Place {
  return { host: file, kernel: 'moved' };
}

function isThere(file: string): UsageError {
  return new UsageError(
    `Cannot export to "${file}": the file is there`,
    'Choose another name, or add --force to write over it.',
  );
}

interface Row {
  readonly id: number;
  readonly uuid: string;
  readonly createdAt: number;
  readonly record: string;
}

async function write(
  db: Database,
  request: ExportRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<Exported> {
  const { directory, name, file, passphrase, force } = request;
  const cipher = createCipher(directory);
  const row = db
    .prepare<[string], Row>(
      `SELECT id, uuid, created_at AS createdAt, record FROM deployments WHERE name = ? ORDER BY id DESC LIMIT 1`,
    )
    .get(name);
  if (row === undefined) throw new UsageError(`Cannot find deployment "${name}"`);
  const head = headOf(db, cipher, row, request);
  const counts = { fact: 0, machine: 0 };
  await writeExportFile(file, { force, isThere }, async (opened) => {
    const seal = await startSeal(opened, passphrase, request.cost);
    let written = 0;
    for await (const entry of entriesOf(db, cipher, row, head, request)) {
      signal.throwIfAborted();
      if (entry[0] === 'fact' || entry[0] === 'machine') counts[entry[0]] += 1;
      seal.line(JSON.stringify(entry));
      written += 1;
      if (written % TURN === 0) await turn();
    }
    seal.line(JSON.stringify(['end', written] satisfies ExportEntry));
    seal.end();
  });
  const here = db
    .prepare<[number], string>(
      `SELECT DISTINCT record ->> '$.machine' FROM instances
       WHERE deployment = ? AND (id GLOB 'local-*' OR id GLOB 'operator-*')`,
    )
    .pluck()
    .all(row.id);
  const { fact: facts, machine: machines } = counts;
  return { name, uuid: row.uuid, facts, machines, here, moved: request.move };
}

function headOf(
  db: Database,
  cipher: Cipher,
  { id, uuid, createdAt, record }: Row,
  { directory, name, owner, move }: ExportRequest,
): ExportHead {
  const own = cipher.unseal(record) as DeploymentJson;
  return {
    name,
    uuid,
    createdAt,
    record: own,
    directory,
    owner,
    exportedAt: Date.now(),
    moved: move,
    printKey: (readPrintKey(db, cipher, uuid) ?? readKey(directory)).toString('base64'),
    homes: homesOf(db, id, directory, own),
  };
}

async function* entriesOf(
  db: Database,
  cipher: Cipher,
  { id, uuid }: Row,
  head: ExportHead,
  { directory, name, logs, files }: ExportRequest,
): AsyncGenerator<ExportEntry, void, undefined> {
  yield ['head', head];
  for (const { path, bytes } of await files()) yield ['file', path, bytes.toString('base64')];
  yield* exportRows(db, cipher, id);
  if (!logs) return;
  for (const { machine, file, path } of allLogs(directory, { name, uuid })) {
    let parts = 0;
    for await (const chunk of createReadStream(join(directory, path), { highWaterMark: PART_BYTES })) {
      for (const part of partsOf(chunk as Buffer)) yield ['log', machine, file, part];
      parts += 1;
    }
    if (parts === 0) yield ['log', machine, file, ''];
  }
}
