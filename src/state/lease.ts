import type { Database } from './database.ts';
import type { Place } from './lease-place.ts';
import type { Holder } from './store.ts';

/** Who holds the lock of a deployment name; its nonce fences what they record. */
export interface Lease extends Place {
  readonly nonce: string;
  readonly owner: string;
  readonly pid: number;
  readonly operation: Holder['operation'];
  /** Epoch milliseconds. */
  readonly since: number;
}

/** The lease of a deployment name, if there is one. */
export type ReadLease = (name: string) => Lease | undefined;

export function leaseReader(db: Database): ReadLease {
  const find = db.prepare<[string], Lease>(
    'SELECT nonce, owner, pid, operation, since, host, kernel FROM leases WHERE deployment = ?',
  );
  return (name) => find.get(name);
}

/** Replaces the lease of a holder that died. */
export function writeLease(db: Database, name: string, lease: Lease): void {
  const { nonce, owner, pid, operation, since, host, kernel } = lease;
  db.prepare(
    `INSERT OR REPLACE INTO leases (deployment, nonce, owner, pid, operation, since, host, kernel)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(name, nonce, owner, pid, operation, since, host, kernel);
}

/** Removes the lease unless it is somebody else's by now. */
export function dropLease(db: Database, name: string, nonce: string): void {
  db.prepare('DELETE FROM leases WHERE deployment = ? AND nonce = ?').run(name, nonce);
}

/** `up by ann@host (process 123)`, local time for people. */
export function describeLease({ owner, pid, operation }: Pick<Lease, 'owner' | 'pid' | 'operation'>): string {
  return `${operation} by ${owner} (process ${pid})`;
}

/** The time of day, with its date when that is not today. */
export function describeMoment(at: number, now: number): string {
  const moment = new Date(at);
  const time = moment.toTimeString().slice(0, 8);
  if (moment.toDateString() === new Date(now).toDateString()) return time;
  const day = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  return `${day.map((part) => String(part).padStart(2, '0')).join('-')} ${time}`;
}
