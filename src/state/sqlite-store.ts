import { resolve } from 'node:path';
import { readArchive, writeArchive } from './archive.ts';
import { createCipher } from './cipher.ts';
import { readHistory } from './history.ts';
import { readPrintKey, removeImported } from './import-place.ts';
import { dropLease, leaseReader } from './lease.ts';
import { readLedger } from './ledger.ts';
import type { HeldLock } from './lock.ts';
import { takeLock } from './lock.ts';
import { breakLock, readHolder } from './lock-holder.ts';
import { removeLogs } from './log-files.ts';
import { readProjection, readSummaries } from './projection.ts';
import { purgeDeployment } from './purge.ts';
import { createRecorder, fence } from './recorder.ts';
import { openStateDatabase, statePath } from './state-directory.ts';
import { explained } from './state-error.ts';
import type { Store } from './store.ts';

/**
 * The store in the `state.db` of a state directory, which is made when it is not there. With `readonly` nothing is
 * made or migrated in vain: where nothing is recorded it answers so, and reading rights are enough. Rejects with
 * `StateError`.
 */
export async function openSqliteStore(
  directory: string,
  options: { readonly readonly: boolean } = { readonly: false },
): Promise<Store> {
  const root = resolve(directory);
  const path = statePath(root);
  const db = await openStateDatabase(root, options);
  const cipher = createCipher(root);
  const recorder = createRecorder(db, cipher, path);
  const held = new Map<string, HeldLock>();
  const printKeys = new Map<string, Buffer | undefined>();

  /** Reads what is recorded, appends of this tick included. */
  function read<T>(work: () => T): Promise<T> {
    return settled(() => {
      recorder.flush();
      return explained(`read the state in "${path}"`, () => db.transaction(work).deferred());
    });
  }

  function write<T>(work: () => T): Promise<T> {
    return settled(() => {
      requireWritable();
      return explained(`write the state in "${path}"`, () => db.transaction(work).immediate());
    });
  }

  /** Undefined: it is the state's own. */
  function printKey(uuid: string): Buffer | undefined {
    if (!printKeys.has(uuid))
      printKeys.set(
        uuid,
        explained(`read the state in "${path}"`, () => readPrintKey(db, cipher, uuid)),
      );
    return printKeys.get(uuid);
  }

  function requireWritable(): void {
    if (options.readonly)
      throw new Error(`The store in "${root}" was opened for reading. This is a bug in plan.`);
  }

  async function release(name: string, lock: HeldLock): Promise<void> {
    if (held.get(name) !== lock) return;
    recorder.flush();
    held.delete(name);
    try {
      // A lease without a lock says nothing, so a store that cannot be written leaves it.
      if (recorder.failure() === undefined) await write(() => dropLease(db, name, lock.nonce));
    } finally {
      lock.file.release();
    }
  }

  return {
    append(state, facts, touched) {
      const lock = held.get(state.name);
      if (lock !== undefined) return recorder.append(state, facts, touched, lock.nonce);
      return Promise.reject(new Error(`Deployment "${state.name}" is not locked. This is a bug in plan.`));
    },
    load: (name) => read(() => readProjection(db, cipher, name)),
    list: () => read(() => readSummaries(db)),
    ledger: () => read(() => readLedger(db)),
    events: (uuid, range) => read(() => readHistory(db, cipher, uuid, range)),
    async lock(name, holder, limits) {
      requireWritable();
      const lock = await takeLock(db, root, name, holder, limits);
      held.set(name, lock);
      return { [Symbol.asyncDispose]: () => release(name, lock) };
    },
    holder: (name) =>
      settled(() => explained(`read the state in "${path}"`, () => readHolder(db, root, name))),
    breakLock: (name, nonce) =>
      settled(() => {
        requireWritable();
        explained(`write the state in "${path}"`, () => breakLock(db, root, name, nonce));
      }),
    async purge(name) {
      recorder.flush();
      const uuids = await write(() => {
        const error = fence(leaseReader(db)(name), name, held.get(name)?.nonce ?? '');
        if (error !== undefined) throw error;
        return purgeDeployment(db, name);
      });
      for (const uuid of uuids) {
        removeLogs(root, { name, uuid });
        removeImported(root, uuid);
      }
    },
    fingerprint: (text, deployment = null) =>
      cipher.fingerprint(text, deployment === null ? undefined : printKey(deployment)),
    saveSources: (sources) => write(() => writeArchive(db, cipher, sources)),
    loadSources: (archive) => read(() => readArchive(db, cipher, archive)),
    async [Symbol.asyncDispose]() {
      recorder.flush();
      try {
        for (const [name, lock] of held) await release(name, lock);
      } finally {
        db.close();
      }
    },
  };
}

/** A promise of what synchronous work answers or throws. */
function settled<T>(work: () => T): Promise<T> {
  return new Promise((done) => {
    done(work());
  });
}
