import { createHash } from 'node:crypto';
import { LockedError } from '../../src/errors.ts';
import type { Fact } from '../../src/fact.ts';
import type { SourceEntry } from '../../src/sources.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { foldFacts } from '../../src/state/apply-fact.ts';
import type { Holder, Lock, Store } from '../../src/state/store.ts';

interface Row {
  readonly name: string;
  readonly uuid: string;
  readonly facts: { readonly number: number; readonly fact: Fact }[];
}

/** What outlives a process: stores that are opened on it one after the other see the same. */
export interface MemoryDisk {
  readonly deployments: Map<string, Row>;
  readonly archives: Map<string, ReadonlyMap<string, SourceEntry>>;
  /** Deployment name to the nonce of who holds it. */
  readonly locks: Map<string, symbol>;
  lastFact: number;
}

export function createMemoryDisk(): MemoryDisk {
  return { deployments: new Map(), archives: new Map(), locks: new Map(), lastFact: 0 };
}

/**
 * The store's contract without files: facts go through JSON text, so that nothing is shared with who appended them,
 * and states are folded from them. Nobody waits for a lock: one that is held is refused at once.
 */
export function openMemoryStore(disk: MemoryDisk): Store {
  const held = new Map<string, symbol>();
  let queue: {
    readonly state: DeploymentState;
    readonly texts: readonly string[];
    readonly nonce: symbol;
  }[] = [];
  let tick: Promise<void> | undefined;

  function commit(): void {
    const entries = queue;
    queue = [];
    tick = undefined;
    const fenced = entries.find(({ state, nonce }) => disk.locks.get(state.name) !== nonce);
    if (fenced !== undefined)
      throw new LockedError(
        `Cannot record what happens to deployment "${fenced.state.name}": its lock was broken`,
      );
    for (const { state, texts } of entries) {
      const row = disk.deployments.get(state.uuid) ?? { name: state.name, uuid: state.uuid, facts: [] };
      disk.deployments.set(state.uuid, row);
      for (const text of texts)
        row.facts.push({ number: (disk.lastFact += 1), fact: JSON.parse(text) as Fact });
    }
  }

  function newest(name: string): Row | undefined {
    return [...disk.deployments.values()].filter((row) => row.name === name).at(-1);
  }

  function stateOf({ facts }: Row): DeploymentState {
    return foldFacts(facts.map(({ fact }) => fact));
  }

  function free(name: string): void {
    if (disk.locks.get(name) === held.get(name)) disk.locks.delete(name);
    held.delete(name);
  }

  const store = {
    append(state: DeploymentState, facts: readonly Fact[]): Promise<void> {
      const nonce = held.get(state.name);
      if (nonce === undefined)
        return Promise.reject(new Error(`Deployment "${state.name}" is not locked. This is a bug in plan.`));
      queue.push({ state, texts: facts.map((fact) => JSON.stringify(fact)), nonce });
      tick ??= new Promise<void>((resolve) => setImmediate(resolve)).then(commit);
      return tick;
    },
    async load(name: string) {
      await tick;
      const row = newest(name);
      return row === undefined ? null : stateOf(row);
    },
    async list() {
      await tick;
      const rows = new Map([...disk.deployments.values()].map((row) => [row.name, row]));
      return [...rows.values()]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((row) => {
          const { name, uuid, createdAt, expiresAt, machines, instances, batches, scopes } = stateOf(row);
          const isEmpty = instances.size + batches.size + scopes.size === 0;
          const terminated = isEmpty && [...machines.values()].every(({ stage }) => stage === 'gone');
          return { name, uuid, createdAt, terminated, expiresAt };
        });
    },
    async ledger() {
      await tick;
      return [...disk.deployments.values()].map((row) => {
        const { name, uuid, plan, instances, batches, scopes } = stateOf(row);
        return {
          name,
          uuid,
          plan,
          instances: new Map([...instances.values()].map(({ id, provider }) => [id, provider])),
          batches: new Map([...batches.values()].map(({ token, provider }) => [token, provider])),
          scopes,
        };
      });
    },
    async events(uuid: string, { after, limit }: { readonly after: number; readonly limit: number }) {
      await tick;
      if (limit === 0) return [];
      return (disk.deployments.get(uuid)?.facts ?? []).filter(({ number }) => number > after).slice(0, limit);
    },
    lock(name: string, _holder: Holder, { signal }: { readonly signal: AbortSignal }): Promise<Lock> {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      if (disk.locks.has(name)) return Promise.reject(locked(name));
      const nonce = Symbol(name);
      disk.locks.set(name, nonce);
      held.set(name, nonce);
      return Promise.resolve({
        async [Symbol.asyncDispose]() {
          await tick;
          if (held.get(name) === nonce) free(name);
        },
      });
    },
    holder: (name: string) =>
      Promise.resolve(disk.locks.has(name) ? { presence: 'alive' as const, lease: null } : null),
    breakLock: (name: string): Promise<void> => Promise.reject(locked(name)),
    async purge(name: string): Promise<void> {
      await tick;
      for (const row of [...disk.deployments.values()])
        if (row.name === name) disk.deployments.delete(row.uuid);
    },
    fingerprint: (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16),
    saveSources(sources: ReadonlyMap<string, SourceEntry>): Promise<string> {
      const hash = createHash('sha256');
      for (const path of [...sources.keys()].sort()) hash.update(JSON.stringify([path, sources.get(path)]));
      const digest = hash.digest('hex');
      disk.archives.set(digest, sources);
      return Promise.resolve(digest);
    },
    loadSources: (archive: string) =>
      Promise.resolve(disk.archives.get(archive) ?? new Map<string, SourceEntry>()),
    async [Symbol.asyncDispose]() {
      await tick;
      for (const name of [...held.keys()]) free(name);
    },
  };
  return store;
}

function locked(name: string): LockedError {
  return new LockedError(`Cannot change deployment "${name}": another process is at work`);
}
