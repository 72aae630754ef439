import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import type { ExportEntry, RowKind } from './export-entry.ts';

/** Rows that are read at a time. */
const PAGE = 500;
/** Bytes of one entry of a file's content. */
export const PART_BYTES = 192 * 1_024;

const TABLES: Readonly<Record<RowKind, { readonly query: string }>> = {
  fact: { query: 'SELECT number AS at, fact AS text FROM facts WHERE deployment = @id AND number > @after' },
  machine: {
    query: 'SELECT position AS at, record AS text FROM machines WHERE deployment = @id AND position > @after',
  },
  instance: {
    query:
      'SELECT position AS at, record AS text FROM instances WHERE deployment = @id AND position > @after',
  },
  batch: {
    query: 'SELECT number AS at, record AS text FROM batches WHERE deployment = @id AND number > @after',
  },
};

/** Everything that is recorded of a deployment, oldest first; nobody may write it meanwhile. */
export function* exportRows(
  db: Database,
  cipher: Cipher,
  id: number,
): Generator<ExportEntry, void, undefined> {
  yield* archiveRows(db, cipher, id);
  for (const kind of ['fact', 'machine', 'instance', 'batch'] as const) {
    const { query } = TABLES[kind];
    const page = db.prepare<{ id: number; after: number }, { readonly at: number; readonly text: string }>(
      `${query} ORDER BY at LIMIT ${PAGE}`,
    );
    for (let after = -1; ;) {
      const rows = page.all({ id, after });
      for (const { text } of rows) yield [kind, cipher.unseal(text)];
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) break;
      after = last.at;
    }
  }
}

/** The files of its plan, and of the older ones that its machines came from. */
function* archiveRows(db: Database, cipher: Cipher, id: number): Generator<ExportEntry, void, undefined> {
  const archives = db
    .prepare<{ id: number }, { readonly digest: string; readonly manifest: string }>(
      `SELECT digest, manifest FROM archives WHERE
         EXISTS (SELECT 1 FROM deployments WHERE id = @id AND instr(record, digest) > 0) OR
         EXISTS (SELECT 1 FROM machines WHERE deployment = @id AND instr(record, digest) > 0)`,
    )
    .all({ id });
  const blobs = db.prepare<[string], string>(
    `SELECT DISTINCT entry.value ->> '$[1].blob' AS blob FROM archives, json_each(manifest) AS entry
     WHERE digest = ? AND blob IS NOT NULL`,
  );
  const content = db.prepare<[string], Buffer>('SELECT bytes FROM blobs WHERE digest = ?').pluck();
  const told = new Set<string>();
  for (const { digest, manifest } of archives) {
    yield ['archive', digest, manifest];
    for (const blob of blobs.pluck().all(digest)) {
      const sealed = told.has(blob) ? undefined : content.get(blob);
      told.add(blob);
      if (sealed === undefined) continue;
      for (const part of partsOf(cipher.unsealBytes(sealed))) yield ['blob', blob, part];
    }
  }
}

/** At least one, base64. */
export function* partsOf(bytes: Buffer): Generator<string, void, undefined> {
  for (let at = 0; at === 0 || at < bytes.length; at += PART_BYTES)
    yield bytes.subarray(at, at + PART_BYTES).toString('base64');
}
