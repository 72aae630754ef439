import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LockedError } from '../errors.ts';
import type { Database } from './database.ts';
import { describeLease, describeMoment, leaseReader, writeLease } from './lease.ts';
import { isThisPlace, thisPlace } from './lease-place.ts';
import { lockPath } from './lock-holder.ts';
import type { LockFile } from './lock-file.ts';
import { tryLockFile } from './lock-file.ts';
import { explained } from './state-error.ts';
import type { Holder } from './store.ts';

const POLL_INTERVAL = 100;
/** Who only asks whether a lock is held keeps it from being taken for a moment, so every taker looks twice. */
const SECOND_LOOK = 30;

export interface HeldLock {
  readonly nonce: string;
  readonly file: LockFile;
}

/**
 * Takes the lock of a deployment name and records who has it. Rejects with `LockedError` when it is still held
 * after `timeout` milliseconds, with the signal's reason when that is aborted.
 */
export async function takeLock(
  db: Database,
  directory: string,
  name: string,
  holder: Holder,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<HeldLock> {
  const path = lockPath(directory, name);
  const deadline = Date.now() + Math.max(timeout, SECOND_LOOK);
  for (;;) {
    signal.throwIfAborted();
    const file = explained(`lock deployment "${name}" by "${path}"`, () => tryLockFile(path));
    const lock = file === undefined ? undefined : record(db, name, holder, file);
    if (lock !== undefined) return lock;
    const left = deadline - Date.now();
    if (left <= 0) throw locked(db, name);
    await pause(Math.min(left, POLL_INTERVAL), signal);
  }
}

/** Undefined when a holder on another host, whose file lock is not seen here, may be at work. */
function record(db: Database, name: string, holder: Holder, file: LockFile): HeldLock | undefined {
  const nonce = randomUUID();
  const lease = { ...holder, ...thisPlace(), nonce, pid: process.pid, since: Date.now() };
  const replace = db.transaction((): boolean => {
    const other = leaseReader(db)(name);
    if (other !== undefined && !isThisPlace(other)) return false;
    writeLease(db, name, lease);
    return true;
  });
  let isMine = false;
  try {
    isMine = explained(`write the state in "${db.name}"`, () => replace.immediate());
  } finally {
    if (!isMine) file.release();
  }
  return isMine ? { nonce, file } : undefined;
}

const WAIT = 'Wait until it has ended, or let --lock-timeout do the waiting.';

function locked(db: Database, name: string): LockedError {
  const lease = explained(`read the state in "${db.name}"`, () => leaseReader(db)(name));
  if (lease === undefined)
    return new LockedError(`Cannot change deployment "${name}": another process is at work`, WAIT);
  const who = describeLease(lease);
  const since = describeMoment(lease.since, Date.now());
  if (lease.operation === 'move')
    return new LockedError(
      `Cannot change deployment "${name}": ${lease.owner} moved it away at ${since}, by the export "${lease.host}"`,
      `Go on where that was imported. To have it back, export it there with --move and import that here; if it was imported nowhere, "plan unlock ${name}".`,
    );
  if (isThisPlace(lease))
    return new LockedError(`Cannot change deployment "${name}": ${who} is at work since ${since}`, WAIT);
  return new LockedError(
    `Cannot change deployment "${name}": ${who} has its lock since ${since}, on another host, "${lease.host}"`,
    `Wait until it has ended. If it is gone for good, break its lock with "plan unlock ${name}".`,
  );
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
