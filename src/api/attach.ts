import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Fact, OperationRecord } from '../fact.ts';
import { applyFact } from '../state/apply-fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { emptyState, nothingTouched } from '../state/deployment-state.ts';
import { isProcess } from '../state/holder-process.ts';
import type { LockHolder } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { Operation, OperationOptions, OperationTools } from './operation.ts';
import type { Session } from './session.ts';
import { isBroken } from './status.ts';

/** A recorded fact of an operation that is followed. */
export interface FollowedEvent {
  readonly type: 'fact';
  readonly fact: Fact;
  /** True when it was recorded before it was first looked at. */
  readonly isPast: boolean;
}

/** How an operation that was followed ended. */
export interface FollowedEnd {
  /** `endedAt` null: its process is gone, and no end is recorded. */
  readonly operation: OperationRecord;
  /** The last that was seen. */
  readonly state: DeploymentState;
}

/** The latest operation of a deployment, of whatever kind, and who is at work. */
export interface Attachment {
  readonly operation: OperationRecord;
  /** The deployment as it was then. */
  readonly state: DeploymentState;
  /** `broken`: it is recorded as under way, and its process is gone. */
  readonly presence: 'under-way' | 'ended' | 'broken';
  /** Who has the lock, or left it behind; null: nobody, or it is not known yet. */
  readonly holder: LockHolder | null;
  /** All that is recorded of the operation, from its start to its end; cancelling ends that and not the operation. */
  follow(options?: OperationOptions<FollowedEvent>): Operation<FollowedEnd, FollowedEvent>;
  /** After its end: the one that the same process of this host goes on with, such as a `down`; null: none. */
  next(options?: { readonly signal?: AbortSignal | undefined }): Promise<Attachment | null>;
}

/** What is recorded of it. */
export type Latest = Omit<Attachment, 'follow' | 'next'>;

/** Milliseconds between two looks. */
const INTERVAL = 250;
/** Milliseconds for which an operation that has the lock may take to record its start. */
const PATIENCE = 5_000;
/** Facts that are read at a time. */
const PAGE = 1_000;

/** The latest operation; where one has the lock and has not recorded its start yet, that one. Rejects with `UsageError`. */
export async function latestOperation(
  { directory }: Session,
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<Latest> {
  await using store = await openForReading(directory);
  const began = systemClock.now();
  for (;;) {
    const holder = await store.holder(name);
    const state = await loadDeployment(store, name);
    const { operation } = state;
    const isBeginning = holder?.presence === 'alive' && (operation === null || operation.endedAt !== null);
    if (!isBeginning || systemClock.now() - began >= PATIENCE) {
      if (operation === null)
        throw new UsageError(`Cannot attach to "${name}": no operation is recorded of it`);
      if (operation.endedAt !== null) return { operation, state, presence: 'ended', holder };
      const presence = (await isBroken(store, state)) ? 'broken' : 'under-way';
      return { operation, state, presence, holder };
    }
    await systemClock.sleep(INTERVAL, { signal });
  }
}

/** Tells all that is recorded of an operation until it has ended, or its process is gone. */
export async function followOperation(
  { directory }: Session,
  { operation, state: { name, uuid } }: Pick<Attachment, 'operation' | 'state'>,
  { signal, emit }: OperationTools<FollowedEvent>,
): Promise<FollowedEnd> {
  await using store = await openForReading(directory);
  const history = createFold();
  let [after, isPast, isGone] = [0, true, false];
  for (;;) {
    signal.throwIfAborted();
    const page = await store.events(uuid, { after, limit: PAGE });
    after = page.at(-1)?.number ?? after;
    for (const { fact } of page) {
      // Its process died, and another one has gone on.
      if (fact.type === 'operation-started' && fact.operation.id > operation.id)
        return { operation, state: history.state() };
      const state = history.add(fact);
      if ((state.operation?.id ?? 0) < operation.id) continue;
      emit({ type: 'fact', fact, isPast }, state);
      if (fact.type === 'operation-ended' && state.operation?.id === operation.id)
        return { operation: state.operation, state };
    }
    if (page.length === PAGE) continue;
    if (isGone) return { operation, state: history.state() };
    if (!isPast) await systemClock.sleep(INTERVAL, { signal });
    isPast = false;
    const now = await store.load(name);
    // Only what was taken down without a failure is purged.
    if (now?.uuid !== uuid) {
      const state = history.state();
      return { operation: { ...operation, endedAt: systemClock.now(), outcome: 'succeeded' }, state };
    }
    // What is recorded before the process is gone is seen by the look that comes after this.
    isGone = await isBroken(store, now);
  }
}

/** The state that recorded facts amount to, one after the other. */
function createFold() {
  let state: DeploymentState | undefined;
  const current = (): DeploymentState => {
    if (state === undefined) throw new Error('Nothing is recorded. This is a bug in plan.');
    return state;
  };
  return {
    state: current,
    add(fact: Fact): DeploymentState {
      if (fact.type === 'deployment-created') state = emptyState(fact);
      else applyFact(current(), fact, nothingTouched());
      return current();
    },
  };
}

/**
 * Waits until the process of an operation that has ended is gone, or has begun another one (a `down` after an `up` that
 * failed), and answers whether it has.
 */
export async function goesOn(
  { directory }: Session,
  { operation, state: { name }, holder }: Latest,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const lease = holder?.lease ?? null;
  if (lease === null || lease.host !== hostname() || lease.pid === process.pid) return false;
  await using store = await openForReading(directory);
  const deadline = systemClock.now() + PATIENCE;
  for (;;) {
    const isAlive = isProcess(lease.pid);
    const now = await store.holder(name);
    const next = (await store.load(name))?.operation ?? null;
    const isOthers = now?.lease != null && now.lease.pid !== lease.pid;
    if (next !== null && next.id > operation.id)
      return !isOthers && next.kind === 'down' && next.owner === operation.owner;
    if (!isAlive || isOthers || systemClock.now() >= deadline) return false;
    await systemClock.sleep(INTERVAL / 2, { signal });
  }
}
