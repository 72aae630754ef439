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
import { dirname, join, sep } from 'node:path';
import type { Database } from './database.ts';
import { importedPlace } from './import-place.ts';
import { lockPath } from './lock-holder.ts';
import { tryLockFile } from './lock-file.ts';
import { syncDirectory, syncFile } from './sync.ts';

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
      // Without its key nobody gets to its machines any more; what is recorded has to find it.
      const needed = journal.paths.filter((path) => !path.startsWith(`logs${sep}`));
      for (const path of needed) syncFile(join(stage, FILES, path));
      for (const path of paths) {
        const target = join(directory, path);
        mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
        renameSync(join(stage, FILES, path), target);
      }
      for (const parent of parentsOf(needed)) syncDirectory(join(directory, parent));
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
    const lock = name === own ? null : tryLockFile(lockPath(directory, name));
    if (lock === undefined) continue;
    try {
      const journal = readJournal(join(stages, name, JOURNAL));
      if (journal !== undefined && isRecorded.get(journal.uuid) === undefined)
        withdraw(directory, journal.paths);
      rmSync(join(stages, name), { recursive: true, force: true });
    } finally {
      lock?.release();
    }
  }
  removeIfEmpty(stages);
}

function withdraw(directory: string, paths: readonly string[]): void {
  for (const path of paths) rmSync(join(directory, path), { force: true });
  for (const parent of parentsOf(paths)) removeIfEmpty(join(directory, parent));
}

/** The directories that relative paths are in, and those that these are in, deepest first. */
function parentsOf(paths: readonly string[]): Iterable<string> {
  const parents = new Set<string>();
  for (const path of paths)
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) parents.add(parent);
  return [...parents].sort((a, b) => b.length - a.length);
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
