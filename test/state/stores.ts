import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Fact } from '../../src/fact.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { applyFact } from '../../src/state/apply-fact.ts';
import { emptyState, nothingTouched } from '../../src/state/deployment-state.ts';
import type { Lock, Store } from '../../src/state/store.ts';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plan-state-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const holder = { owner: 'ann@host', operation: 'up' } as const;

export function lock(store: Store, name: string, timeout = 0): Promise<Lock> {
  return store.lock(name, holder, { timeout, signal: new AbortController().signal });
}

/** Applies facts and appends them, as the engine does; the first of a deployment's facts creates its state. */
export function record(store: Store, state: DeploymentState, facts: readonly Fact[]): Promise<void> {
  const touched = nothingTouched();
  for (const fact of facts) applyFact(state, fact, touched);
  return store.append(state, facts, touched);
}

/** A deployment of which nothing but its creation is recorded. */
export async function createDeployment(
  store: Store,
  name: string,
  uuid = `${name}-uuid`,
): Promise<DeploymentState> {
  const created = { type: 'deployment-created', name, uuid, at: 1 } as const;
  const state = emptyState(created);
  await record(store, state, [created]);
  return state;
}

/** Every file below a directory with its content. */
export function filesBelow(directory: string): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path, readFileSync(path));
  }
  return files;
}
