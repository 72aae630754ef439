import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ProviderError } from '../provider.ts';
import { isDirectoryId } from './record.ts';
import type { DirectoryRecord } from './record.ts';

/**
 * The work directories under `operator/` of a state directory. Each is there with its record or not at all: it is made
 * under another name, and loses its record last. Rejects with `ProviderError`.
 */
export interface Directories {
  /** Absolute. */
  pathOf(id: string): string;
  /** Makes a directory, unless it is there. */
  claim(record: DirectoryRecord): Promise<void>;
  find(id: string): Promise<DirectoryRecord | undefined>;
  all(): Promise<readonly DirectoryRecord[]>;
  save(record: DirectoryRecord): Promise<void>;
  /** Removes a directory and all that is in it. */
  remove(id: string): Promise<void>;
  /** Removes what is left when there are no directories any more. */
  tidy(): Promise<void>;
}

const RECORD = '.machine.json';
/** What a directory is called until it has its record, and the milliseconds after which nobody completes it any more. */
const FRESH = '.new-';
const ABANDONED = 60_000;
/** Others may remove `operator/` when it is empty, just when something is about to be made in it. */
const TRIES = 5;

export function openDirectories(stateDirectory: string): Directories {
  const root = join(realPath(stateDirectory), 'operator');

  function pathOf(id: string): string {
    return join(root, id);
  }

  async function make(record: DirectoryRecord): Promise<void> {
    const fresh = join(root, `${FRESH}${randomBytes(6).toString('hex')}`);
    await mkdir(root, { recursive: true, mode: 0o700 });
    try {
      await mkdir(fresh, { mode: 0o700 });
      await writeFile(join(fresh, RECORD), JSON.stringify(record), { mode: 0o600 });
      await rename(fresh, pathOf(record.id));
    } catch (error) {
      await rm(fresh, { recursive: true, force: true });
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
    }
  }

  async function find(id: string): Promise<DirectoryRecord | undefined> {
    if (!isDirectoryId(id)) return undefined;
    const path = join(pathOf(id), RECORD);
    return await attempt(`read "${path}"`, async () => {
      const text = await orUndefined(readFile(path, 'utf8'));
      return text === undefined ? undefined : (JSON.parse(text) as DirectoryRecord);
    });
  }

  return {
    pathOf,
    find,
    async claim(record) {
      await attempt(`make "${pathOf(record.id)}"`, async () => {
        for (let tries = 1; ; tries++) {
          try {
            await make(record);
            return;
          } catch (error) {
            if (codeOf(error) !== 'ENOENT' || tries === TRIES) throw error;
          }
        }
      });
    },
    async all() {
      const names = await attempt(`read "${root}"`, () => orUndefined(readdir(root)));
      const records = await Promise.all((names ?? []).toSorted().map(find));
      return records.filter((record) => record !== undefined);
    },
    async save(record) {
      const path = join(pathOf(record.id), RECORD);
      const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      await attempt(`write "${path}"`, async () => {
        await writeFile(temporary, JSON.stringify(record), { mode: 0o600, flush: true });
        await rename(temporary, path);
      });
    },
    async remove(id) {
      if (!isDirectoryId(id)) return;
      const path = pathOf(id);
      await attempt(`remove "${path}"`, async () => {
        for (const name of (await orUndefined(readdir(path))) ?? [])
          if (name !== RECORD) await rm(join(path, name), { recursive: true, force: true, maxRetries: 3 });
        await rm(path, { recursive: true, force: true, maxRetries: 3 });
      });
    },
    async tidy() {
      await attempt(`remove "${root}"`, async () => {
        for (const name of (await orUndefined(readdir(root))) ?? [])
          if (name.startsWith(FRESH)) await removeAbandoned(join(root, name));
        try {
          await rmdir(root);
        } catch (error) {
          if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
        }
      });
    },
  };
}

/** One name for one place: processes are found by it. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

async function removeAbandoned(path: string): Promise<void> {
  const found = await orUndefined(stat(path));
  if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED)
    await rm(path, { recursive: true, force: true });
}

async function attempt<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw cannot(what, error);
  }
}

function cannot(what: string, error: unknown): ProviderError {
  const why = error instanceof Error ? error.message : String(error);
  return new ProviderError(`Cannot ${what}: ${why}`, { cause: error });
}

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
