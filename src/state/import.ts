import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { LockedError, UsageError } from '../errors.ts';
import { createCipher, readKey } from './cipher.ts';
import type { Database } from './database.ts';
import type { ExportHead } from './export-entry.ts';
import { isHome } from './export-home.ts';
import { readEntry } from './import-check.ts';
import { dropClaims, refuseTaken } from './import-claims.ts';
import { importedPlace } from './import-place.ts';
import type { Relocation } from './import-relocate.ts';
import { relocate } from './import-relocate.ts';
import type { ImportedRows } from './import-rows.ts';
import { importRows } from './import-rows.ts';
import type { Stage } from './import-stage.ts';
import { openStage, sweepStages } from './import-stage.ts';
import type { ImportSurvey } from './import-survey.ts';
import { surveyExport } from './import-survey.ts';
import type { Sealed } from './import-unseal.ts';
import { openSealed } from './import-unseal.ts';
import type { Lease } from './lease.ts';
import { leaseReader } from './lease.ts';
import { isThisPlace } from './lease-place.ts';
import { tryLockFile } from './lock-file.ts';
import { lockPath } from './lock-holder.ts';
import { machineDirectory } from './log-files.ts';
import { readSummaries } from './projection.ts';
import { removeRows } from './purge.ts';
import { openStateDatabase } from './state-directory.ts';
import { explained } from './state-error.ts';

export interface ImportRequest {
  /** The state directory, absolute. */
  readonly directory: string;
  /** Absolute. */
  readonly file: string;
  readonly passphrase: string;
}

export interface Imported {
  readonly head: ExportHead;
  readonly state: ImportedRows['state'];
  readonly facts: number;
  readonly machines: number;
  /** Absolute path of the plan file, which is written unless it was there; null: there is none. */
  readonly plan: string | null;
  /** Names of machines that were on another computer: they are recorded as gone. */
  readonly leftBehind: readonly string[];
  /** Other state directories that have its machines of this computer. */
  readonly homes: readonly string[];
}

/** Entries after which others have a turn. */
const TURN = 200;

/**
 * Records an exported deployment, with all that it needs, or nothing of it. Rejects with `UsageError` for a file or a
 * passphrase that will not do and for a deployment that is here already, with `LockedError` while somebody works on one
 * of its name, with `StateError`.
 */
export async function importDeployment(
  { directory, file, passphrase }: ImportRequest,
  cancel: { readonly signal: AbortSignal },
): Promise<Imported> {
  using sealed = await openSealed(file, passphrase);
  const survey = await surveyExport(file, sealed, cancel);
  const { head } = survey;
  cancel.signal.throwIfAborted();
  const db = await openStateDatabase(directory, { readonly: false });
  try {
    const lock = explained(`lock deployment "${head.name}"`, () =>
      tryLockFile(lockPath(directory, head.name)),
    );
    if (lock === undefined)
      throw new LockedError(`Cannot import "${head.name}": another process is at work on it`, WAIT);
    try {
      explained(`write below "${directory}"`, () => sweepStages(directory, db, head.name));
      refuse(db, directory, survey);
      return await write(db, directory, sealed, survey, cancel);
    } finally {
      lock.release();
    }
  } finally {
    db.close();
  }
}

const WAIT = 'Wait until it has ended.';

/** Throws when there is something of that name, or this very deployment, that the import would harm. */
function refuse(db: Database, directory: string, { head, files }: ImportSurvey): void {
  const { name, uuid } = head;
  const lease = leaseReader(db)(name);
  if (lease !== undefined && lease.operation !== 'move' && !isThisPlace(lease))
    throw new LockedError(
      `Cannot import "${name}": its lock is held on another host, "${lease.host}"`,
      `${WAIT} If that is gone for good, break the lock with "plan unlock ${name}".`,
    );
  const known = db.prepare<[string], string>('SELECT name FROM deployments WHERE uuid = ?').pluck().get(uuid);
  if (known !== undefined && lease?.operation !== 'move')
    throw new UsageError(
      `Cannot import "${name}": it is recorded here already`,
      `Only what was exported with --move comes back over its record. Import elsewhere with --state-dir, or remove it with "plan down ${name} --purge".`,
    );
  const live = readSummaries(db).find((one) => one.name === name && !one.terminated);
  if (live !== undefined && live.uuid !== uuid)
    throw new UsageError(
      `Cannot import "${name}": another live deployment of that name is recorded here`,
      'Take it down first, or import into another state directory with --state-dir.',
    );
  refuseTaken(directory, head, files.keys());
}

async function write(
  db: Database,
  directory: string,
  sealed: Sealed,
  survey: ImportSurvey,
  { signal }: { readonly signal: AbortSignal },
): Promise<Imported> {
  const { head } = survey;
  const writing = `import "${head.name}" into "${directory}"`;
  const homes = homesHere(head, directory);
  const key = keyOf(directory, survey);
  const relocation = relocate(survey, { directory, keyPath: key?.path ?? null });
  const cipher = createCipher(directory);
  const ownKey = readKey(directory);
  const exportedKey = Buffer.from(head.printKey, 'base64');
  const stage = explained(writing, () => openStage(directory, head));
  try {
    if (key?.isNew === true) stage.write(join(importedPlace(head).keys, 'id_ed25519'), key.bytes);
    for (const [path, bytes] of survey.files) if (path.startsWith('hosts/')) stage.write(path, bytes);
    await stageContents(stage, sealed, head, relocation, { signal });
    const rows = explained(writing, () => {
      db.pragma('synchronous = FULL');
      return db
        .transaction(() => {
          refuse(db, directory, survey);
          takeBack(db, head);
          const written = importRows(db, cipher, sealed.lines(), {
            head,
            relocation,
            printKey: exportedKey.equals(ownKey) ? null : exportedKey,
            homes,
          });
          stage.publish();
          return written;
        })
        .immediate();
    });
    dropClaims(directory, head.uuid, new Set(survey.files.keys()));
    return {
      head,
      state: rows.state,
      facts: survey.facts,
      machines: survey.machines,
      plan: relocation.plan,
      leftBehind: rows.leftBehind,
      homes: [...new Set([...homes.values()].filter((home) => home !== null))],
    };
  } catch (error) {
    if (!isRecorded(db, head)) stage.withdraw();
    throw error;
  } finally {
    stage.remove();
  }
}

function isRecorded(db: Database, { uuid }: ExportHead): boolean {
  return db.prepare<[string]>('SELECT 1 FROM deployments WHERE uuid = ?').get(uuid) !== undefined;
}

/** What was moved away and comes back takes the place of what was kept of it. */
function takeBack(db: Database, { name, uuid }: ExportHead): void {
  const row = db.prepare<[string], number>('SELECT id FROM deployments WHERE uuid = ?').pluck().get(uuid);
  if (row !== undefined) removeRows(db, row);
  const lease: Lease | undefined = leaseReader(db)(name);
  if (lease !== undefined) db.prepare<[string]>('DELETE FROM leases WHERE deployment = ?').run(name);
}

/** By provider of machines of a computer: the state directory here that has them, null for this one. Others are elsewhere. */
function homesHere({ homes }: ExportHead, directory: string): ReadonlyMap<string, string | null> {
  return new Map(
    Object.entries(homes).flatMap(([provider, home]): [string, string | null][] => {
      if (!isHome(home)) return [];
      return [[provider, resolve(home.directory) === directory ? null : home.directory]];
    }),
  );
}

/** The key that opens its machines, and where it is here; undefined: none came along. */
function keyOf(
  directory: string,
  { head, files }: ImportSurvey,
): { readonly path: string; readonly isNew: boolean; readonly bytes: Buffer } | undefined {
  const bytes = files.get('id_ed25519');
  if (bytes === undefined) return undefined;
  const own = join(directory, 'keys', 'id_ed25519');
  if (existsSync(own) && readFileSync(own).equals(bytes)) return { path: own, isNew: false, bytes };
  return { path: join(directory, importedPlace(head).keys, 'id_ed25519'), isNew: true, bytes };
}

/** Writes the files of the plan and the logs. */
async function stageContents(
  stage: Stage,
  sealed: Sealed,
  head: ExportHead,
  { planFiles }: Relocation,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const wanted = new Map<string, { readonly path: string; readonly mode: number }[]>();
  for (const [path, { mode, blob }] of planFiles)
    wanted.set(blob, [...(wanted.get(blob) ?? []), { path, mode: (mode & 0o777) | 0o600 }]);
  let read = 0;
  for (const line of sealed.lines()) {
    const entry = readEntry(line);
    if (entry?.[0] === 'blob')
      for (const { path, mode } of wanted.get(entry[1]) ?? [])
        stage.write(path, Buffer.from(entry[2], 'base64'), mode);
    if (entry?.[0] === 'log')
      stage.write(join(machineDirectory(head, entry[1]), entry[2]), Buffer.from(entry[3], 'base64'));
    read += 1;
    if (read % TURN === 0) {
      await turn();
      signal.throwIfAborted();
    }
  }
}
