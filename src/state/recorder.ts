import { LockedError } from '../errors.ts';
import type { Fact, FactType } from '../fact.ts';
import type { Cipher } from './cipher.ts';
import type { Database } from './database.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import type { Entry } from './fact-queue.ts';
import { extend, newEntry } from './fact-queue.ts';
import { historyWriter } from './history.ts';
import type { Lease } from './lease.ts';
import { describeLease, leaseReader } from './lease.ts';
import { projectionWriter } from './projection.ts';
import { stateError } from './state-error.ts';

/** Records facts, one transaction for all that come in one tick. */
export interface Recorder {
  /** `nonce`: of the lock under which the facts came about. Resolves after COMMIT. */
  append(state: DeploymentState, facts: readonly Fact[], touched: Touched, nonce: string): Promise<void>;
  /** Commits what waits for the end of the tick. */
  flush(): void;
  /** The error that ended recording for good, if there was one. */
  failure(): Error | undefined;
}

/** Facts that must outlive a power cut: they say what may cost money. The others only repeat a harmless question. */
const DURABLE: ReadonlySet<FactType> = new Set([
  'deployment-created',
  'operation-started',
  'operation-ended',
  'launch-requested',
]);

/** Machines change many times; copying their pages into the main file less often than SQLite would saves work. */
const CHECKPOINT_PAGES = 4_000;

interface Pending {
  readonly entry: Entry;
  readonly nonce: string;
}

export function createRecorder(db: Database, cipher: Cipher, path: string): Recorder {
  let queue = new Map<string, Pending>();
  let scheduled: NodeJS.Immediate | undefined;
  let broken: Error | undefined;
  let durable: boolean | undefined;

  function writers() {
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    return {
      history: historyWriter(db, cipher),
      lease: leaseReader(db),
      projection: projectionWriter(db, cipher),
    };
  }
  let prepared: ReturnType<typeof writers> | undefined;

  function setDurability(wanted: boolean): void {
    if (wanted !== durable) db.pragma(`synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
    durable = wanted;
  }

  /** Writes the entries whose lock still holds and answers what is wrong with the others. */
  const commit = db.transaction((pending: readonly Pending[]): ReadonlyMap<Entry, LockedError> => {
    prepared ??= writers();
    const fenced = new Map<Entry, LockedError>();
    for (const { entry, nonce } of pending) {
      const error = fence(prepared.lease(entry.state.name), entry.state.name, nonce);
      if (error !== undefined) fenced.set(entry, error);
      else prepared.projection(prepared.history(entry.state, entry.facts), entry.state, entry.touched);
    }
    return fenced;
  });

  function flush(): void {
    clearImmediate(scheduled);
    scheduled = undefined;
    if (queue.size === 0) return;
    const pending = [...queue.values()];
    queue = new Map();
    try {
      setDurability(pending.some(({ entry }) => entry.facts.some(({ type }) => DURABLE.has(type))));
      const fenced = commit.immediate(pending);
      for (const { entry } of pending) {
        const error = fenced.get(entry);
        if (error === undefined) entry.resolve();
        else entry.reject(error);
      }
    } catch (error) {
      broken = stateError(`write the state in "${path}"`, error);
      for (const { entry } of pending) entry.reject(broken);
    }
  }

  return {
    append(state, facts, touched, nonce) {
      if (broken !== undefined) return Promise.reject(broken);
      let pending = queue.get(state.uuid);
      if (pending === undefined) {
        pending = { entry: newEntry(state), nonce };
        queue.set(state.uuid, pending);
        scheduled ??= setImmediate(flush);
      }
      extend(pending.entry, facts, touched);
      return pending.entry.done;
    },
    flush,
    failure: () => broken,
  };
}

/** What keeps the holder of this nonce from recording; undefined: nothing. */
export function fence(lease: Lease | undefined, name: string, nonce: string): LockedError | undefined {
  if (lease?.nonce === nonce) return undefined;
  const who = lease === undefined ? 'its lock was broken' : `its lock was taken by ${describeLease(lease)}`;
  return new LockedError(
    `Cannot record what happens to deployment "${name}": ${who}`,
    'Look with "plan status" what is at work, then run the command again.',
  );
}
