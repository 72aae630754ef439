import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Database } from './database.ts';
import { importedPlace } from './import-place.ts';
import { lockPath } from './lock-holder.ts';
import { isLocked } from './lock-file.ts';

/**
 * Files of a deployment that is being imported: written where nobody looks for them, and brought to their places just
 * before the deployment is recorded. What an import that died had brought there is removed by the next one.
 */
export interface Stage {
  /** `path` is relative to the state directory. A file that there is gets the bytes appended. */
  write(path: string, bytes: Buffer, mode?: number): void;
  /** Brings all files to their places, over what is there. */
  publish(): void;
  /** Removes what was published. */
  withdraw(): void;
  /** Removes what was not published. */
  remove(): void;
}

interface Deployment {
  readonly name: string;
  readonly uuid: string;
}

/** A list of what is published: if the deployment is not recorded, it is nobody's. */
interface Journal extends Deployment {
  readonly paths: readonly string[];
}

const JOURNAL = 'published.json';
const FILES = 'files';

export function openStage(directory: string, deployment: Deployment): Stage {
  const stage = join(directory, importedPlace(deployment).stage);
  const paths = new Set<string>();
  rmSync(stage, { recursive: true, force: true });
  return {
    write(path, bytes, mode = 0o600) {
      const target = join(stage, FILES, path);
      if (!paths.has(path)) {
        mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
        closeSync(openSync(target, 'wx', mode));
        paths.add(path);
      }
      appendFileSync(target, bytes);
    },
    publish() {
      if (paths.size === 0) return;
      const journal: Journal = { ...deployment, paths: [...paths] };
      writeFileSync(join(stage, JOURNAL), JSON.stringify(journal), { mode: 0o600, flush: true });
      for (const path of paths) {
        const target = join(directory, path);
        mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
        renameSync(join(stage, FILES, path), target);
      }
    },
    withdraw: () => withdraw(directory, [...paths]),
    remove() {
      rmSync(stage, { recursive: true, force: true });
      removeIfEmpty(dirname(stage));
    },
  };
}

/** Removes what imports that died have left; `own`: the name that this one has locked. */
export function sweepStages(directory: string, db: Database, own: string): void {
  const stages = join(directory, 'imports');
  if (!existsSync(stages)) return;
  const isRecorded = db.prepare<[string]>('SELECT 1 FROM deployments WHERE uuid = ?');
  for (const name of readdirSync(stages)) {
    if (name !== own && isLocked(lockPath(directory, name))) continue;
    const journal = readJournal(join(stages, name, JOURNAL));
    if (journal !== undefined && isRecorded.get(journal.uuid) === undefined)
      withdraw(directory, journal.paths);
    rmSync(join(stages, name), { recursive: true, force: true });
  }
  removeIfEmpty(stages);
}

function withdraw(directory: string, paths: readonly string[]): void {
  for (const path of paths) rmSync(join(directory, path), { force: true });
  for (const path of new Set(paths.map(dirname)))
    for (let parent = path; parent !== '.'; parent = dirname(parent)) removeIfEmpty(join(directory, parent));
}

/** Undefined: nothing was published, or the list of it is not whole, which it is before anything is. */
function readJournal(path: string): Journal | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Journal;
  } catch {
    return undefined;
  }
}

function removeIfEmpty(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
}
