import type { Fact, OperationKind, PlanRecord } from '../fact.ts';
import type { SourceEntry } from '../sources.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';

/**
 * Where deployments are recorded. Asynchronous, so that a database over a network fits behind it. Everything
 * rejects with `StateError` when the state cannot be read or written.
 */
export interface Store extends AsyncDisposable {
  /**
   * Records facts that were just applied to `state`, with the projection of what they touched, and resolves after
   * COMMIT. Calls of one tick share a transaction. Rejects with `LockedError` when the deployment's lock is no
   * longer held by this store.
   */
  append(state: DeploymentState, facts: readonly Fact[], touched: Touched): Promise<void>;
  /** The state of a deployment from its projection; null: no such deployment. The newest one of that name. */
  load(name: string): Promise<DeploymentState | null>;
  /** The newest deployment of every name, in the order of names. */
  list(): Promise<readonly DeploymentSummary[]>;
  /** What every recorded deployment accounts for at this moment, older ones of a name too, oldest first. */
  ledger(): Promise<readonly LedgerEntry[]>;
  /** Recorded facts with a number greater than `after`, oldest first. */
  events(
    uuid: string,
    options: { readonly after: number; readonly limit: number },
  ): Promise<readonly RecordedFact[]>;
  /** Takes the lock of a deployment name, waiting up to `timeout` milliseconds. Rejects with `LockedError`. */
  lock(
    name: string,
    holder: Holder,
    options: { readonly timeout: number; readonly signal: AbortSignal },
  ): Promise<Lock>;
  /** Who has the lock of a deployment name, or left it behind; null: nobody. Never waits. */
  holder(name: string): Promise<LockHolder | null>;
  /**
   * Takes the lock away from a holder that is not alive on this host, so that it can record nothing more. `nonce`
   * says which one is meant. Rejects with `LockedError` when it is alive or another one has the lock.
   */
  breakLock(name: string, nonce: string): Promise<void>;
  /**
   * Removes everything that is recorded of a deployment whose lock this store has, and its logs. Rejects with
   * `OperationError` while something of it is left at a provider.
   */
  purge(name: string): Promise<void>;
  /**
   * A digest under the state's key: the same for the same text, and nobody without the key can try texts out. For a
   * deployment (by its uuid) that was imported it is under the key of where that came from; absent or null: for none.
   */
  fingerprint(text: string, deployment?: string | null): string;
  /** Keeps files and directories content-addressed; answers the archive's digest. */
  saveSources(sources: ReadonlyMap<string, SourceEntry>): Promise<string>;
  loadSources(archive: string): Promise<ReadonlyMap<string, SourceEntry>>;
}

/** Frees the deployment when disposed. */
export type Lock = AsyncDisposable;

export interface Holder {
  /** `user@host`. */
  readonly owner: string;
  /** `move`: it was exported, and goes on in another state directory. */
  readonly operation: OperationKind | 'export' | 'move';
}

export interface LockHolder {
  /**
   * `alive`: a process of this host has it. `gone`: its process died; the next operation takes it. `elsewhere`: it
   * was taken on another host, and nothing here tells whether that process lives.
   */
  readonly presence: 'alive' | 'gone' | 'elsewhere';
  /** What it recorded of itself; null: nothing yet. */
  readonly lease:
    | (Holder & {
        readonly nonce: string;
        readonly pid: number;
        readonly host: string;
        /** Epoch milliseconds. */
        readonly since: number;
      })
    | null;
}

export interface RecordedFact {
  /** 1, 2, … over the whole store. */
  readonly number: number;
  readonly fact: Fact;
}

/** What a deployment accounts for at providers. */
export interface LedgerEntry {
  readonly name: string;
  readonly uuid: string;
  readonly plan: PlanRecord | null;
  /** Instance ids that are not known to be gone, with the name of their provider. */
  readonly instances: ReadonlyMap<string, string>;
  /** Tokens of batches without a recorded answer, with the name of their provider. */
  readonly batches: ReadonlyMap<string, string>;
  /** As in `DeploymentState`. */
  readonly scopes: ReadonlyMap<string, string | null>;
}

export interface DeploymentSummary {
  readonly name: string;
  readonly uuid: string;
  readonly createdAt: number;
  /** True when every machine is gone and nothing is left at a provider. */
  readonly terminated: boolean;
  /** Epoch milliseconds at which it is over, or null. */
  readonly expiresAt: number | null;
  /** The export by which it went to another state directory; absent: it did not. */
  readonly movedBy?: string;
}
