import type { Batch, CountOverride, OperationRecord, PlanRecord } from '../fact.ts';
import type { Instance, Machine } from '../machine.ts';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { emptyState, isCondemned } from './deployment-state.ts';
import type { DeploymentSummary } from './store.ts';
import { recordedLabels } from './machine-stages.ts';
import { rebuildTallies } from './tally.ts';

/** What the deployment's own row holds beside its columns. */
interface DeploymentRecord {
  readonly plan: PlanRecord | null;
  readonly operation: OperationRecord | null;
  readonly lastBatch: number;
  readonly scopes: readonly string[];
  /** Of scopes, where it is known. */
  readonly places?: Readonly<Record<string, string>>;
  /** Absent: never. */
  readonly expiresAt?: number;
  /** Absent: false. */
  readonly isExpiryUntold?: true;
  /** Absent: none. */
  readonly overrides?: Readonly<Record<string, CountOverride>>;
}

/** Writes the records that changed; to be called in a transaction. */
export type WriteProjection = (deployment: number, state: DeploymentState, touched: Touched) => void;

export function projectionWriter(db: Database, cipher: Cipher): WriteProjection {
  const updateDeployment = db.prepare<[string, number]>('UPDATE deployments SET record = ? WHERE id = ?');
  const putMachine = db.prepare<[number, string, number, string]>(
    `INSERT INTO machines (deployment, name, gone, record) VALUES (?, ?, ?, ?)
     ON CONFLICT (deployment, name) DO UPDATE SET gone = excluded.gone, record = excluded.record`,
  );
  const putInstance = db.prepare<[number, string, string]>(
    `INSERT INTO instances (deployment, id, record) VALUES (?, ?, ?)
     ON CONFLICT (deployment, id) DO UPDATE SET record = excluded.record`,
  );
  const dropInstance = db.prepare<[number, string]>('DELETE FROM instances WHERE deployment = ? AND id = ?');
  const putBatch = db.prepare<[number, number, string]>(
    'INSERT OR REPLACE INTO batches (deployment, number, record) VALUES (?, ?, ?)',
  );
  const dropBatch = db.prepare<[number, number]>('DELETE FROM batches WHERE deployment = ? AND number = ?');

  return (deployment, state, touched) => {
    if (touched.deployment) updateDeployment.run(cipher.seal(deploymentRecord(state)), deployment);
    for (const name of touched.machines) {
      const machine = state.machines.get(name);
      if (machine !== undefined)
        putMachine.run(deployment, name, Number(machine.stage === 'gone'), cipher.seal(machine));
    }
    for (const id of touched.instances) {
      const instance = state.instances.get(id);
      if (instance === undefined) dropInstance.run(deployment, id);
      else putInstance.run(deployment, id, cipher.seal(instance));
    }
    for (const number of touched.batches) {
      const batch = state.batches.get(number);
      if (batch === undefined) dropBatch.run(deployment, number);
      else putBatch.run(deployment, number, cipher.seal(batch));
    }
  };
}

function deploymentRecord({
  plan,
  operation,
  lastBatch,
  scopes,
  overrides,
  expiresAt,
  isExpiryUntold,
}: DeploymentState): DeploymentRecord {
  const places = [...scopes].flatMap(([name, place]) => (place === null ? [] : [[name, place] as const]));
  return {
    plan,
    operation,
    lastBatch,
    scopes: [...scopes.keys()],
    places: Object.fromEntries(places),
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(isExpiryUntold ? { isExpiryUntold } : {}),
    ...(overrides.size === 0 ? {} : { overrides: Object.fromEntries(overrides) }),
  };
}

/** What records of an older version may lack. */
type Newer = 'givenKey' | 'labels';
type StoredMachine = Omit<Machine, Newer> & Partial<Pick<Machine, Newer>>;

function complete(machine: StoredMachine): Machine {
  const { givenKey = null, labels } = machine;
  return { ...machine, givenKey, labels: recordedLabels(labels, machine.made.labels) };
}

interface DeploymentRow {
  readonly id: number;
  readonly name: string;
  readonly uuid: string;
  readonly at: number;
  readonly record: string;
}

/** Reads the newest deployment of that name; to be called in a transaction. */
export function readProjection(db: Database, cipher: Cipher, name: string): DeploymentState | null {
  const row = db
    .prepare<[string], DeploymentRow>(
      'SELECT id, name, uuid, created_at AS at, record FROM deployments WHERE name = ? ORDER BY id DESC LIMIT 1',
    )
    .get(name);
  if (row === undefined) return null;
  const state = emptyState(row);
  const record = cipher.unseal(row.record) as DeploymentRecord;
  state.plan = record.plan;
  state.operation = record.operation;
  state.lastBatch = record.lastBatch;
  state.expiresAt = record.expiresAt ?? null;
  state.isExpiryUntold = record.isExpiryUntold ?? false;
  for (const [service, override] of Object.entries(record.overrides ?? {}))
    state.overrides.set(service, override);
  for (const scope of record.scopes) state.scopes.set(scope, record.places?.[scope] ?? null);
  for (const machine of readRecords(db, cipher, 'machines', 'position', row.id) as readonly StoredMachine[])
    state.machines.set(machine.name, complete(machine));
  for (const instance of readRecords(db, cipher, 'instances', 'position', row.id) as readonly Instance[]) {
    state.instances.set(instance.id, instance);
    if (isCondemned(instance)) state.condemned.add(instance.id);
  }
  for (const batch of readRecords(db, cipher, 'batches', 'number', row.id) as readonly Batch[])
    state.batches.set(batch.number, batch);
  if (state.plan !== null) rebuildTallies(state.tallies, state.plan, state.machines.values());
  return state;
}

/** Records in the order in which they came into being. One parse of them all is faster than one of each. */
function readRecords(
  db: Database,
  cipher: Cipher,
  table: 'machines' | 'instances' | 'batches',
  order: 'position' | 'number',
  deployment: number,
): unknown {
  const texts = db
    .prepare<[number], string>(`SELECT record FROM ${table} WHERE deployment = ? ORDER BY ${order}`)
    .pluck()
    .all(deployment);
  return cipher.unseal(`[${texts.join(',')}]`);
}

/** The newest deployment of every name. */
export function readSummaries(db: Database): readonly DeploymentSummary[] {
  const rows = db
    .prepare<[], SummaryRow>(
      `SELECT name, uuid, created_at AS createdAt,
         NOT EXISTS (SELECT 1 FROM machines WHERE deployment = id AND gone = 0)
         AND NOT EXISTS (SELECT 1 FROM instances WHERE deployment = deployments.id)
         AND NOT EXISTS (SELECT 1 FROM batches WHERE deployment = id)
         AND record ->> '$.scopes' = '[]' AS terminated,
         record ->> '$.expiresAt' AS expiresAt,
         (SELECT host FROM leases WHERE deployment = name AND operation = 'move') AS movedBy
       FROM deployments
       WHERE id IN (SELECT max(id) FROM deployments GROUP BY name)
       ORDER BY name`,
    )
    .all();
  return rows.map(({ movedBy, ...row }) => ({
    ...row,
    terminated: row.terminated === 1,
    ...(movedBy === null ? {} : { movedBy }),
  }));
}

interface SummaryRow extends Omit<DeploymentSummary, 'terminated' | 'movedBy'> {
  readonly terminated: number;
  readonly movedBy: string | null;
}
