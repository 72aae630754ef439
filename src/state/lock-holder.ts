import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LockedError } from '../errors.ts';
import type { Database } from './database.ts';
import type { Lease } from './lease.ts';
import { describeLease, describeMoment, dropLease, leaseReader } from './lease.ts';
import { isThisPlace } from './lease-place.ts';
import { isLocked, tryLockFile } from './lock-file.ts';
import type { LockHolder } from './store.ts';

export function lockPath(directory: string, name: string): string {
  return join(directory, 'locks', `${encodeURIComponent(name)}.lock`);
}

/** Who has the lock of a deployment name, or left it behind; null: nobody. Not to be called in a transaction. */
export function readHolder(db: Database, directory: string, name: string): LockHolder | null {
  const read = leaseReader(db);
  let lease = read(name);
  for (;;) {
    const busy = isLocked(lockPath(directory, name));
    // A lease that stood before and after the look belongs to what was looked at.
    const now = read(name);
    if (now?.nonce === lease?.nonce) return holderOf(lease, busy);
    lease = now;
  }
}

function holderOf(lease: Lease | undefined, busy: boolean): LockHolder | null {
  if (lease === undefined) return busy ? { presence: 'alive', lease: null } : null;
  if (!isThisPlace(lease)) return { presence: 'elsewhere', lease };
  return { presence: busy ? 'alive' : 'gone', lease };
}

/**
 * Takes the lock away from a holder that is not alive here: it can record nothing more. `nonce` says which one is
 * meant. Throws `LockedError` when it is alive or somebody else has the lock.
 */
export function breakLock(db: Database, directory: string, name: string, nonce: string): void {
  const holder = readHolder(db, directory, name);
  if (holder === null || holder.presence === 'alive' || holder.lease?.nonce !== nonce)
    throw stillHeld(name, holder);
  const path = lockPath(directory, name);
  const file = tryLockFile(path);
  try {
    dropLease(db, name, nonce);
  } finally {
    // What a host that cannot be seen from here still locks is a file that nobody finds any more.
    if (file === undefined) rmSync(path, { force: true });
    else file.release();
  }
}

/** `holder` null: it gave the lock back by itself. */
export function stillHeld(name: string, holder: LockHolder | null): LockedError {
  const lease = holder?.lease;
  const who =
    lease == null
      ? 'another process is at work'
      : `${describeLease(lease)} is at work since ${describeMoment(lease.since, Date.now())}`;
  return new LockedError(
    `Cannot unlock deployment "${name}": ${holder === null ? 'its lock has changed hands' : who}`,
    'Wait until it has ended, or end it: its lock goes with its process.',
  );
}
