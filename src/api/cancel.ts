import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { LockedError, UsageError } from '../errors.ts';
import { interrupt } from '../state/holder-process.ts';
import { describeLease } from '../state/lease.ts';
import { lockPath } from '../state/lock-holder.ts';
import type { LockHolder } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { Session } from './session.ts';

export interface Cancelled {
  /** Who was asked to end. */
  readonly lease: NonNullable<LockHolder['lease']>;
  /** False: it has not ended yet. */
  readonly hasEnded: boolean;
}

/** Milliseconds for which a process that is asked to end is waited for, and between two looks. */
const PATIENCE = 15_000;
const INTERVAL = 100;

/**
 * Asks the process that is at work on a deployment to end (SIGTERM), and waits until it has. Rejects with `UsageError`
 * when none is, and with `LockedError` when it cannot be asked from here.
 */
export async function cancelOperation(
  { directory }: Session,
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<Cancelled> {
  await using store = await openForReading(directory);
  const holder = await store.holder(name);
  if (holder === null) await loadDeployment(store, name);
  if (holder === null || holder.presence === 'gone')
    throw new UsageError(`Cannot cancel what is done with "${name}": no operation is under way`);
  const { lease } = holder;
  if (lease === null)
    throw new LockedError(`Cannot cancel what is done with "${name}": it begins or ends just now`);
  if (holder.presence === 'elsewhere' || lease.host !== hostname())
    throw new LockedError(
      `Cannot cancel what is done with "${name}": ${describeLease(lease)} is at work on another host, "${lease.host}"`,
      'Cancel it there.',
    );
  if (lease.pid === process.pid)
    throw new UsageError(`Cannot cancel what is done with "${name}": this process itself does it`);
  ask(lease, lockPath(realpathSync(directory), name));
  const deadline = systemClock.now() + PATIENCE;
  for (;;) {
    const now = await store.holder(name);
    if (now?.presence !== 'alive' || now.lease?.nonce !== lease.nonce) return { lease, hasEnded: true };
    if (systemClock.now() >= deadline) return { lease, hasEnded: false };
    await systemClock.sleep(INTERVAL, { signal });
  }
}

function ask(lease: Cancelled['lease'], lock: string): void {
  const answer = interrupt(lease.pid, lock);
  if (answer === 'asked' || answer === 'gone') return;
  const why = answer === 'hidden' ? 'is not seen from here' : 'belongs to another user';
  throw new LockedError(`Cannot cancel ${describeLease(lease)}: its process ${why}`);
}
