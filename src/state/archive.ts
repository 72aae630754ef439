import { createHash } from 'node:crypto';
import { StateError } from '../errors.ts';
import type { SourceEntry } from '../sources.ts';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';

/** By path, sorted; a file's content is a blob of its own, so that unchanged files are kept once. */
export type Manifest = readonly (readonly [path: string, entry: ArchivedEntry])[];

export type ArchivedEntry =
  | { readonly kind: 'file'; readonly mode: number; readonly blob: string }
  | { readonly kind: 'directory'; readonly names: readonly string[] };

/**
 * Keeps what is not there yet and answers the SHA-256 of the archive's manifest; to be called in a transaction.
 * Contents are encrypted, because a plan's text holds the defaults of its sensitive inputs.
 */
export function writeArchive(
  db: Database,
  cipher: Cipher,
  sources: ReadonlyMap<string, SourceEntry>,
): string {
  const putBlob = db.prepare<[string, Buffer]>('INSERT OR IGNORE INTO blobs (digest, bytes) VALUES (?, ?)');
  const hasBlob = db.prepare<[string]>('SELECT 1 FROM blobs WHERE digest = ?');
  const manifest: Manifest = [...sources]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, entry]) => {
      if (entry.kind === 'directory') return [path, { kind: 'directory', names: entry.names }];
      const blob = sha256(entry.bytes);
      if (hasBlob.get(blob) === undefined) putBlob.run(blob, cipher.sealBytes(entry.bytes));
      return [path, { kind: 'file', mode: entry.mode, blob }];
    });
  const text = JSON.stringify(manifest);
  const digest = sha256(text);
  db.prepare('INSERT OR IGNORE INTO archives (digest, manifest) VALUES (?, ?)').run(digest, text);
  return digest;
}

/** To be called in a transaction. Throws `StateError` when there is no such archive. */
export function readArchive(db: Database, cipher: Cipher, digest: string): ReadonlyMap<string, SourceEntry> {
  const text = db
    .prepare<[string], string>('SELECT manifest FROM archives WHERE digest = ?')
    .pluck()
    .get(digest);
  if (text === undefined)
    throw new StateError(`Cannot read the plan's files: archive "${digest}" is not in the state`);
  const getBlob = db.prepare<[string], Buffer>('SELECT bytes FROM blobs WHERE digest = ?').pluck();
  return new Map(
    (JSON.parse(text) as Manifest).map(([path, entry]): [string, SourceEntry] => {
      if (entry.kind === 'directory') return [path, entry];
      const bytes = getBlob.get(entry.blob);
      if (bytes === undefined)
        throw new StateError(`Cannot read the plan's file "${path}": it is not in the state`);
      return [path, { kind: 'file', mode: entry.mode, bytes: cipher.unsealBytes(bytes) }];
    }),
  );
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
