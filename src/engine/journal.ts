import type { Clock } from '../clock.ts';
import type { Fact, FactBody } from '../fact.ts';
import type { DeploymentState, Touched } from '../state/deployment-state.ts';
import { applyFact } from '../state/apply-fact.ts';
import { nothingTouched } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';

/** Where facts go: into the state at once, to the store, then to whoever watches. */
export interface Journal {
  readonly state: DeploymentState;
  /** Applies facts at once and resolves when they are on disk. */
  commit(facts: readonly FactBody[]): Promise<void>;
  /** Resolves when everything that was applied so far is on disk. Rejects when the store failed. */
  settled(): Promise<void>;
  /** What changed since the last call. */
  takeTouched(): { readonly machines: Set<string>; readonly reached: Set<string> };
  /** A number for a batch that is about to be recorded: no other gets it. */
  nextBatch(): number;
  /** Goes up with every change of a machine of this service: what was derived from it is stale. */
  version(service: string): number;
}

export interface JournalOptions {
  readonly state: DeploymentState;
  readonly store: Store;
  readonly clock: Clock;
  /** Told each fact once it is on disk, in order. */
  readonly onRecorded: (fact: Fact) => void;
}

export function createJournal({ state, store, clock, onRecorded }: JournalOptions): Journal {
  let pending = nothingTouched();
  let latest: Promise<void> = Promise.resolve();
  const versions = new Map<string, number>();
  let lastBatch = 0;

  function remember(touched: Touched): void {
    for (const name of touched.machines) {
      pending.machines.add(name);
      const service = state.machines.get(name)?.service;
      if (service !== undefined) versions.set(service, (versions.get(service) ?? 0) + 1);
    }
    for (const service of touched.reached) pending.reached.add(service);
  }

  return {
    state,
    async commit(bodies) {
      if (bodies.length === 0) return;
      const at = clock.now();
      const facts = bodies.map((body): Fact => ({ ...body, at }));
      const touched = nothingTouched();
      for (const fact of facts) applyFact(state, fact, touched);
      latest = store.append(state, facts, touched);
      remember(touched);
      await latest;
      for (const fact of facts) onRecorded(fact);
    },
    settled: () => latest,
    takeTouched() {
      const taken = pending;
      pending = nothingTouched();
      return taken;
    },
    nextBatch() {
      lastBatch = Math.max(lastBatch, state.lastBatch) + 1;
      return lastBatch;
    },
    version: (service) => versions.get(service) ?? 0,
  };
}
