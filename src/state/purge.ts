import { OperationError } from '../errors.ts';
import type { Database } from './database.ts';

interface Left {
  readonly instances: number;
  readonly batches: number;
  readonly machines: number;
  readonly scopes: number;
}

/**
 * Removes all records of a deployment name, and of the plans that no deployment needs any more; to be called in a
 * transaction. Throws `OperationError` while something of it is left. Answers the uuids of what is gone.
 */
export function purgeDeployment(db: Database, name: string): readonly string[] {
  const rows = db
    .prepare<[string], { id: number; uuid: string }>('SELECT id, uuid FROM deployments WHERE name = ?')
    .all(name);
  for (const { id } of rows) refuseWhileLeft(db, name, id);
  for (const { id } of rows) removeRows(db, id);
  sweepArchives(db, name);
  return rows.map(({ uuid }) => uuid);
}

/** Removes all records of a deployment, whatever is left of it; to be called in a transaction. */
export function removeRows(db: Database, id: number): void {
  for (const table of ['facts', 'machines', 'instances', 'batches'])
    db.prepare(`DELETE FROM ${table} WHERE deployment = ?`).run(id);
  db.prepare('DELETE FROM deployments WHERE id = ?').run(id);
}

function refuseWhileLeft(db: Database, name: string, id: number): void {
  const left = db
    .prepare<{ id: number }, Left>(
      `SELECT (SELECT count(*) FROM instances WHERE deployment = @id) AS instances,
         (SELECT count(*) FROM batches WHERE deployment = @id) AS batches,
         (SELECT count(*) FROM machines WHERE deployment = @id AND gone = 0) AS machines,
         (SELECT json_array_length(record, '$.scopes') FROM deployments WHERE id = @id) AS scopes`,
    )
    .get({ id });
  if (left === undefined) return;
  const words = leftWords(left);
  if (words !== null)
    throw new OperationError(
      `Cannot purge deployment "${name}": ${words}`,
      `Run "plan down ${name} --purge": it ends what is left first.`,
    );
}

function leftWords({ instances, batches, machines, scopes }: Left): string | null {
  const count = Math.max(instances, machines);
  if (count > 0) return count === 1 ? '1 machine is left' : `${count} machines are left`;
  if (batches > 0) return 'a launch that was not answered is left';
  return scopes > 0 ? 'what a provider made for it is left' : null;
}

/**
 * An operation of another deployment may have saved its plan and not recorded it yet; with one under way nothing is
 * removed, and the next purge does it.
 */
function sweepArchives(db: Database, name: string): void {
  const others = db.prepare<[string]>(`SELECT 1 FROM leases WHERE deployment <> ? AND operation <> 'move'`);
  if (others.get(name) !== undefined) return;
  db.exec(`
    DELETE FROM archives WHERE
      NOT EXISTS (SELECT 1 FROM deployments WHERE instr(record, archives.digest) > 0) AND
      NOT EXISTS (SELECT 1 FROM machines WHERE instr(record, archives.digest) > 0);
    DELETE FROM blobs WHERE digest NOT IN (
      SELECT entry.value ->> '$[1].blob' FROM archives, json_each(manifest) AS entry
      WHERE entry.value ->> '$[1].blob' IS NOT NULL
    );
  `);
}
