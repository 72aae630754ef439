import { declaredProvider } from '../colocation.ts';
import type { Fact } from '../fact.ts';
import { applyFact } from './apply-fact.ts';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import { nothingTouched } from './deployment-state.ts';
import type { DeploymentState } from './deployment-state.ts';
import type { ExportHead } from './export-entry.ts';
import { isHereId } from './export-home.ts';
import { historyWriter } from './history.ts';
import { readEntry } from './import-check.ts';
import type { Relocation } from './import-relocate.ts';
import { projectionWriter, readProjection } from './projection.ts';

export interface ImportedRows {
  readonly state: DeploymentState;
  /** Names of machines that were on another computer, and are not there for this one. */
  readonly leftBehind: readonly string[];
}

/** Writes all rows of a deployment; to be called in a transaction. */
export function importRows(
  db: Database,
  cipher: Cipher,
  lines: Iterable<string>,
  {
    head,
    relocation,
    printKey,
    homes,
  }: {
    readonly head: ExportHead;
    readonly relocation: Relocation;
    /** Null: that of the state directory. */
    readonly printKey: Buffer | null;
    /** By provider of machines of this computer: the state directory that has them, null for this one. */
    readonly homes: ReadonlyMap<string, string | null>;
  },
): ImportedRows {
  const put = inserts(db);
  const sealedKey = printKey === null ? null : cipher.sealBytes(printKey).toString('base64');
  const record = cipher.seal(relocation.record(head.record));
  const id = Number(
    put.deployment.run(head.uuid, head.name, head.createdAt, record, sealedKey).lastInsertRowid,
  );
  for (const { digest, manifest } of relocation.archives) put.archive.run(digest, manifest);
  const parts: { blob: string; parts: string[] } = { blob: '', parts: [] };
  const putBlob = (): void => {
    if (parts.parts.length === 0) return;
    const bytes = Buffer.concat(parts.parts.map((part) => Buffer.from(part, 'base64')));
    put.blob.run(parts.blob, cipher.sealBytes(bytes));
    parts.parts = [];
  };
  for (const line of lines) {
    const entry = readEntry(line);
    if (entry === undefined) continue;
    if (entry[0] !== 'blob' || entry[1] !== parts.blob) putBlob();
    switch (entry[0]) {
      case 'blob':
        parts.blob = entry[1];
        parts.parts.push(entry[2]);
        break;
      case 'fact':
        put.fact.run(id, cipher.seal(relocation.row('fact', entry[1])));
        break;
      case 'machine': {
        const machine = relocation.row('machine', entry[1]) as { name: string; stage: string };
        put.machine.run(id, machine.name, Number(machine.stage === 'gone'), cipher.seal(machine));
        break;
      }
      case 'instance':
        put.instance.run(id, (entry[1] as { id: string }).id, cipher.seal(entry[1]));
        break;
      case 'batch':
        put.batch.run(id, (entry[1] as { number: number }).number, cipher.seal(entry[1]));
        break;
      case 'head':
      case 'archive':
      case 'file':
      case 'log':
      case 'end':
        break;
      default:
        entry satisfies never;
    }
  }
  const state = readProjection(db, cipher, head.name);
  if (state?.uuid !== head.uuid) throw new Error(`"${head.name}" was not imported. This is a bug in plan.`);
  return { state, leftBehind: settle(db, cipher, { head, state, homes }) };
}

function inserts(db: Database) {
  return {
    deployment: db.prepare<[string, string, number, string, string | null]>(
      'INSERT INTO deployments (uuid, name, created_at, record, print_key) VALUES (?, ?, ?, ?, ?)',
    ),
    archive: db.prepare<[string, string]>('INSERT OR IGNORE INTO archives (digest, manifest) VALUES (?, ?)'),
    blob: db.prepare<[string, Buffer]>('INSERT OR IGNORE INTO blobs (digest, bytes) VALUES (?, ?)'),
    fact: db.prepare<[number, string]>('INSERT INTO facts (deployment, fact) VALUES (?, ?)'),
    machine: db.prepare<[number, string, number, string]>(
      'INSERT INTO machines (deployment, name, gone, record) VALUES (?, ?, ?, ?)',
    ),
    instance: db.prepare<[number, string, string]>(
      'INSERT INTO instances (deployment, id, record) VALUES (?, ?, ?)',
    ),
    batch: db.prepare<[number, number, string]>(
      'INSERT INTO batches (deployment, number, record) VALUES (?, ?, ?)',
    ),
  };
}

/**
 * Records where machines of a computer are. Those that stayed on another one have no instance any more: the next `up`
 * launches them here. Answers the names of these.
 */
function settle(
  db: Database,
  cipher: Cipher,
  {
    head,
    state,
    homes,
  }: {
    readonly head: ExportHead;
    readonly state: DeploymentState;
    readonly homes: ReadonlyMap<string, string | null>;
  },
): readonly string[] {
  const at = Date.now();
  const places = Object.keys(head.homes).flatMap((provider): readonly Fact[] => {
    const place = homes.get(provider) ?? null;
    const before = state.scopes.get(provider);
    return before === undefined || before === place ? [] : [{ type: 'scope-prepared', provider, place, at }];
  });
  const left = [...state.instances.values()].filter(
    ({ id, provider }) => isHereId(id) && !homes.has(declaredProvider(provider)),
  );
  const cause = 'it stayed on another computer';
  const condemned = left.flatMap(({ machine, generation }): readonly Fact[] =>
    state.machines.get(machine)?.stage === 'leaving'
      ? []
      : [{ type: 'instance-condemned', machine, generation, cause, at }],
  );
  const ids = left.map(({ id }) => id);
  const facts: readonly Fact[] = [
    ...places,
    ...condemned,
    ...(ids.length === 0 ? [] : [{ type: 'instances-gone', ids, at } as const]),
  ];
  if (facts.length === 0) return [];
  const touched = nothingTouched();
  for (const fact of facts) applyFact(state, fact, touched);
  projectionWriter(db, cipher)(historyWriter(db, cipher)(state, facts), state, touched);
  return [...new Set(left.map(({ machine }) => machine))];
}
