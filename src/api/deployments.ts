import { UsageError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';

export type { DeploymentSummary, RecordedFact } from '../state/store.ts';

/** Opens the store for reading: where there is none nothing is recorded, and none is made. */
export async function withStore<T>(stateDirectory: string, use: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openForReading(stateDirectory);
  return await use(store);
}

export async function openForReading(stateDirectory: string): Promise<Store> {
  const { openSqliteStore } = await import('../state/sqlite-store.ts');
  return await openSqliteStore(stateDirectory, { readonly: true });
}

/** Deployments by name; of those that share a name the newest. */
export async function listDeployments(store: Pick<Store, 'list'>): Promise<readonly DeploymentSummary[]> {
  const byName = new Map<string, DeploymentSummary>();
  for (const summary of await store.list()) {
    const other = byName.get(summary.name);
    if (other === undefined || other.createdAt <= summary.createdAt) byName.set(summary.name, summary);
  }
  return [...byName.values()];
}

/**
 * The name of the deployment that is meant: this one, or without a name the only one that is not terminated, or else
 * the only one that is recorded. Throws `UsageError`.
 */
export async function chooseDeployment(
  store: Pick<Store, 'list'>,
  name: string | undefined,
): Promise<string> {
  const all = await listDeployments(store);
  const names = all.map((summary) => summary.name);
  const live = all.filter((summary) => !summary.terminated).map((summary) => summary.name);
  if (name !== undefined) {
    if (names.includes(name)) return name;
    throw unknownDeployment(name, live.length > 1 ? live : names);
  }
  const only = live.length === 1 ? live[0] : names.length === 1 ? names[0] : undefined;
  if (only === undefined) throw unknownDeployment(undefined, live.length > 1 ? live : names);
  return only;
}

/** The state of a deployment. Throws `UsageError` when there is none of this name. */
export async function loadDeployment(
  store: Pick<Store, 'load' | 'list'>,
  name: string,
): Promise<DeploymentState> {
  const state = await store.load(name);
  if (state !== null) return state;
  const names = (await listDeployments(store)).map((summary) => summary.name);
  throw unknownDeployment(name, names);
}

function unknownDeployment(name: string | undefined, names: readonly string[]): UsageError {
  const which = name === undefined ? 'a deployment' : `deployment "${name}"`;
  if (names.length === 0)
    return new UsageError(`Cannot find ${which}: none is recorded here`, 'Run "plan up PLAN" to make one.');
  const list = names.map((known) => `"${known}"`).join(', ');
  return name === undefined
    ? new UsageError(
        `Cannot choose a deployment: there are ${list}`,
        `Name one of them, as by -d ${names[0] ?? ''}.`,
      )
    : new UsageError(`Cannot find ${which}: there ${names.length === 1 ? 'is' : 'are'} ${list}`);
}
