import { join, relative } from 'node:path';
import { UsageError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { StatusPaths } from '../state/status.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { findStateDirectory } from './state-directory.ts';

/** The state directory that a command means. */
export function stateDirectoryOf({ io, flags }: Context): string {
  return findStateDirectory({ given: flags.stateDir, cwd: io.cwd });
}

/** Opens the store for a command that only reads: where there is none nothing is recorded, and none is made. */
export async function withStore<T>(
  context: Context,
  use: (store: Store, stateDirectory: string) => Promise<T>,
): Promise<T> {
  const stateDirectory = stateDirectoryOf(context);
  await using store = await openStore(stateDirectory);
  return await use(store, stateDirectory);
}

async function openStore(stateDirectory: string): Promise<Store> {
  const { openSqliteStore } = await import('../state/sqlite-store.ts');
  return await openSqliteStore(stateDirectory, { readonly: true });
}

/** Deployments by name; of those that share a name the newest. */
export async function listDeployments(store: Store): Promise<readonly DeploymentSummary[]> {
  const byName = new Map<string, DeploymentSummary>();
  for (const summary of await store.list()) {
    const other = byName.get(summary.name);
    if (other === undefined || other.createdAt <= summary.createdAt) byName.set(summary.name, summary);
  }
  return [...byName.values()];
}

/** The name that was given, as an argument or by `-d`. Throws `UsageError` when they differ. */
export function givenName({ flags }: Context, argument: string | undefined): string | undefined {
  if (argument !== undefined && flags.deployment !== undefined && argument !== flags.deployment)
    throw new UsageError(
      `Cannot choose a deployment: "${argument}" and "${flags.deployment}" are both given`,
      'Name one of them.',
    );
  return argument ?? flags.deployment;
}

/**
 * The deployment of this name; without a name the only one that is not terminated, or else the only one that is
 * recorded. Throws `UsageError`.
 */
export async function loadDeployment(store: Store, name: string | undefined): Promise<DeploymentState> {
  if (name !== undefined) {
    const state = await store.load(name);
    if (state !== null) return state;
  }
  const all = await listDeployments(store);
  const names = all.map((summary) => summary.name);
  const live = all.filter((summary) => !summary.terminated).map((summary) => summary.name);
  const only = live.length === 1 ? live[0] : names.length === 1 ? names[0] : undefined;
  if (name === undefined && only !== undefined) {
    const state = await store.load(only);
    if (state !== null) return state;
  }
  throw unknownDeployment(name, live.length > 1 ? live : names);
}

function unknownDeployment(name: string | undefined, names: readonly string[]): UsageError {
  const which = name === undefined ? 'a deployment' : `deployment "${name}"`;
  if (names.length === 0)
    return new UsageError(`Cannot find ${which}: none is recorded here`, 'Run "plan up PLAN" to make one.');
  const list = names.map((known) => `"${known}"`).join(', ');
  return name === undefined
    ? new UsageError(`Cannot choose a deployment: there are ${list}`, 'Name one of them.')
    : new UsageError(`Cannot find ${which}: there is ${list}`);
}

/** A path as people like to read it: relative to the working directory where that is shorter. */
export function displayPath(path: string, cwd: string): string {
  const near = relative(cwd, path);
  return near !== '' && near.length < path.length ? near : path;
}

/** How status shows paths; `absolute` logs for programs. */
export function statusPaths(stateDirectory: string, cwd: string): StatusPaths {
  return {
    plan: (path) => displayPath(path, cwd),
    log: (path) => join(stateDirectory, path),
  };
}
