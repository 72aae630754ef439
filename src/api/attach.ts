import { hostname } from 'node:os';
import { systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Fact, OperationRecord } from '../fact.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { LockHolder, RecordedFact, Store } from '../state/store.ts';
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
  { operation, state: first }: Pick<Attachment, 'operation' | 'state'>,
  { signal, emit }: OperationTools<FollowedEvent>,
): Promise<FollowedEnd> {
  await using store = await openForReading(directory);
  let state = first;
  let { after, facts } = await factsOf(store, first.uuid, operation.id);
  let [isPast, isGone] = [true, false];
  for (;;) {
    for (const fact of facts) emit({ type: 'fact', fact, isPast }, state);
    const end = facts.find((fact) => fact.type === 'operation-ended' && fact.id === operation.id);
    if (end?.type === 'operation-ended')
      return { operation: { ...operation, endedAt: end.at, outcome: end.outcome }, state };
    if (isGone) return { operation, state };
    if (!isPast) await systemClock.sleep(INTERVAL, { signal });
    isPast = false;
    // First, so that what is recorded before the process is gone is seen by the look that comes after it.
    isGone = await isBroken(store, state);
    const page = await factsAfter(store, first.uuid, after);
    after = page.at(-1)?.number ?? after;
    facts = page.map(({ fact }) => fact);
    const now = await store.load(first.name);
    // Only what was taken down without a failure is purged.
    if (now?.uuid !== first.uuid)
      return { operation: { ...operation, endedAt: systemClock.now(), outcome: 'succeeded' }, state };
    state = now;
  }
}

/** Waits until the process of an operation that has ended is gone, or has begun another one, and answers whether it has. */
export async function goesOn(
  { directory }: Session,
  { operation, state, holder }: Latest,
  { signal }: { readonly signal: AbortSignal },
): Promise<boolean> {
  const lease = holder?.lease ?? null;
  if (lease === null || lease.host !== hostname() || lease.pid === process.pid) return false;
  await using store = await openForReading(directory);
  const deadline = systemClock.now() + PATIENCE;
  while (systemClock.now() < deadline) {
    const isAlive = isProcess(lease.pid);
    const now = await store.holder(state.name);
    const latest = (await store.load(state.name))?.operation?.id ?? 0;
    if (now?.lease?.pid === lease.pid && latest > operation.id) return true;
    if (!isAlive) return false;
    await systemClock.sleep(INTERVAL / 2, { signal });
  }
  return false;
}

function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The facts of an operation that are recorded so far, and the number of the last one. */
async function factsOf(
  store: Pick<Store, 'events'>,
  uuid: string,
  id: number,
): Promise<{ readonly after: number; readonly facts: readonly Fact[] }> {
  let after = 0;
  let facts: Fact[] | undefined;
  for (;;) {
    const page = await store.events(uuid, { after, limit: PAGE });
    for (const { fact } of page) {
      if (fact.type === 'operation-started' && fact.operation.id === id) facts = [];
      facts?.push(fact);
    }
    after = page.at(-1)?.number ?? after;
    if (page.length < PAGE) return { after, facts: facts ?? [] };
  }
}

async function factsAfter(
  store: Pick<Store, 'events'>,
  uuid: string,
  number: number,
): Promise<readonly RecordedFact[]> {
  const facts: RecordedFact[] = [];
  for (;;) {
    const page = await store.events(uuid, { after: facts.at(-1)?.number ?? number, limit: PAGE });
    facts.push(...page);
    if (page.length < PAGE) return facts;
  }
}
