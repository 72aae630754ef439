import type { Fact } from '../fact.ts';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import type { DeploymentState } from './deployment-state.ts';
import type { RecordedFact } from './store.ts';

/** Adds facts, and the deployment with its first one; answers the deployment's row. To be called in a transaction. */
export type WriteHistory = (state: DeploymentState, facts: readonly Fact[]) => number;

export function historyWriter(db: Database, cipher: Cipher): WriteHistory {
  const putDeployment = db.prepare<[string, string, number]>(
    `INSERT INTO deployments (uuid, name, created_at, record) VALUES (?, ?, ?, '{}')`,
  );
  const findDeployment = db.prepare<[string], number>('SELECT id FROM deployments WHERE uuid = ?').pluck();
  const putFact = db.prepare<[number, string]>('INSERT INTO facts (deployment, fact) VALUES (?, ?)');

  return (state, facts) => {
    const id =
      findDeployment.get(state.uuid) ??
      Number(putDeployment.run(state.uuid, state.name, state.createdAt).lastInsertRowid);
    for (const fact of facts) putFact.run(id, cipher.seal(fact));
    return id;
  };
}

/** Facts with a number greater than `after`, oldest first. */
export function readHistory(
  db: Database,
  cipher: Cipher,
  uuid: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): readonly RecordedFact[] {
  return db
    .prepare<[string, number, number], { number: number; fact: string }>(
      `SELECT number, fact FROM facts
       WHERE deployment = (SELECT id FROM deployments WHERE uuid = ?) AND number > ?
       ORDER BY number LIMIT ?`,
    )
    .all(uuid, after, limit)
    .map(({ number, fact }) => ({ number, fact: cipher.unseal(fact) as Fact }));
}
