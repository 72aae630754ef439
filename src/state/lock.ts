import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LockedError } from '../errors.ts';
import type { Database } from './database.ts';
import { describeLease, describeMoment, leaseReader, writeLease } from './lease.ts';
import type { LockFile } from './lock-file.ts';
import { tryLockFile } from './lock-file.ts';
import { explained } from './state-error.ts';
import type { Holder } from './store.ts';

const POLL_INTERVAL = 100;

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
  const path = join(directory, 'locks', `${encodeURIComponent(name)}.lock`);
  const deadline = Date.now() + timeout;
  for (;;) {
    signal.throwIfAborted();
    const file = explained(`lock deployment "${name}" by "${path}"`, () => tryLockFile(path));
    if (file !== undefined) return record(db, name, holder, file);
    const left = deadline - Date.now();
    if (left <= 0) throw locked(db, name);
    await pause(Math.min(left, POLL_INTERVAL), signal);
  }
}

function record(db: Database, name: string, holder: Holder, file: LockFile): HeldLock {
  const nonce = randomUUID();
  try {
    explained(`write the state in "${db.name}"`, () =>
      writeLease(db, name, { ...holder, nonce, pid: process.pid, since: Date.now() }),
    );
    return { nonce, file };
  } catch (error) {
    file.release();
    throw error;
  }
}

function locked(db: Database, name: string): LockedError {
  const lease = explained(`read the state in "${db.name}"`, () => leaseReader(db)(name));
  const who =
    lease === undefined
      ? 'another process is at work'
      : `${describeLease(lease)} is at work since ${describeMoment(lease.since, Date.now())}`;
  return new LockedError(
    `Cannot change deployment "${name}": ${who}`,
    'Wait until it has ended, or let --lock-timeout do the waiting.',
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
