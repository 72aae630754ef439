import { openSqliteStore } from '../state/sqlite-store.ts';
import { stillHeld } from '../state/lock-holder.ts';
import type { LockHolder } from '../state/store.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { Session } from './session.ts';

export type { LockHolder } from '../state/store.ts';
export { describeLease, describeMoment } from '../state/lease.ts';

export interface UnlockOptions {
  /** `lease.nonce` of the holder that is meant: the lock of another one stays. Default: whoever holds it. */
  readonly nonce?: string | undefined;
}

/** Who has the lock of a deployment, or left it behind; null: nobody. Rejects with `UsageError` for an unknown name. */
export async function readLockHolder({ directory }: Session, name: string): Promise<LockHolder | null> {
  return await withStore(directory, async (store) => {
    const found = await store.holder(name);
    // A holder may have died before it recorded its deployment.
    if (found === null) await loadDeployment(store, name);
    return found;
  });
}

/** A holder whose lock may be taken away, with what it recorded of itself. */
export type Breakable = LockHolder & {
  readonly presence: Exclude<LockHolder['presence'], 'alive'>;
  readonly lease: NonNullable<LockHolder['lease']>;
};

/** Throws `LockedError` for a holder that is alive on this host. */
export function requireBreakable(name: string, holder: LockHolder): Breakable {
  const { presence, lease } = holder;
  if (presence === 'alive' || lease === null) throw stillHeld(name, holder);
  return { presence, lease };
}

/** Takes the lock away from a holder that is not alive on this host, and answers who it was; null: nobody had it. */
export async function unlockDeployment(
  session: Session,
  name: string,
  { nonce }: UnlockOptions,
): Promise<LockHolder | null> {
  const holder = await readLockHolder(session, name);
  if (holder === null) return null;
  const { lease } = requireBreakable(name, holder);
  await using store = await openSqliteStore(session.directory);
  await store.breakLock(name, nonce ?? lease.nonce);
  return holder;
}
