import type { PlanRecord } from '../fact.ts';
import type { Database } from './database.ts';
import type { LedgerEntry } from './store.ts';

interface DeploymentRow {
  readonly id: number;
  readonly name: string;
  readonly uuid: string;
  readonly record: string;
}

interface ThingRow {
  readonly deployment: number;
  readonly thing: string;
  readonly provider: string;
}

/** What every deployment accounts for, oldest first; to be called in a transaction. Decrypts nothing. */
export function readLedger(db: Database): readonly LedgerEntry[] {
  const deployments = db
    .prepare<[], DeploymentRow>('SELECT id, name, uuid, record FROM deployments ORDER BY id')
    .all();
  const instances = byDeployment(
    db,
    `SELECT deployment, id AS thing, record ->> '$.provider' AS provider FROM instances`,
  );
  const batches = byDeployment(
    db,
    `SELECT deployment, record ->> '$.token' AS thing, record ->> '$.provider' AS provider FROM batches`,
  );
  return deployments.map(({ id, name, uuid, record }) => {
    const { plan, scopes, places } = JSON.parse(record) as {
      readonly plan: PlanRecord | null;
      readonly scopes: readonly string[];
      readonly places?: Readonly<Record<string, string>>;
    };
    return {
      name,
      uuid,
      plan,
      instances: instances.get(id) ?? new Map(),
      batches: batches.get(id) ?? new Map(),
      scopes: new Map(scopes.map((provider) => [provider, places?.[provider] ?? null])),
    };
  });
}

/** By deployment, what there is and at which provider. */
function byDeployment(db: Database, query: string): ReadonlyMap<number, ReadonlyMap<string, string>> {
  const found = new Map<number, Map<string, string>>();
  for (const { deployment, thing, provider } of db.prepare<[], ThingRow>(query).all()) {
    const things = found.get(deployment) ?? new Map<string, string>();
    found.set(deployment, things.set(thing, provider));
  }
  return found;
}
