import { hostname, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { readFileSync, existsSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { openClaims } from '../providers/hosts/claims.ts';
import { stateKeyPath } from '../providers/state-key.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Exported, ExportedFile } from '../state/export.ts';
import { exportDeployment } from '../state/export.ts';
import { isHereId } from '../state/export-home.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { Session } from './session.ts';

export interface ExportOptions {
  /** What the file is encrypted with; whoever has both has the deployment's machines and secrets. */
  readonly passphrase: string;
  /** Write over a file that is there. Default: false. */
  readonly force?: boolean | undefined;
  /** Let nobody work on the deployment here from then on. Default: false. */
  readonly move?: boolean | undefined;
  /** The logs of its machines, too. Default: false. */
  readonly logs?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportSummary extends Exported {
  /** Absolute path of what was written. */
  readonly file: string;
}

/** Writes a deployment to a file. Rejects with `UsageError`, `LockedError` or `StateError`; then there is no file. */
export async function exportTo(
  session: Session,
  name: string,
  file: string,
  { passphrase, force = false, move = false, logs = false, signal }: ExportOptions & { signal: AbortSignal },
): Promise<ExportSummary> {
  requirePassphrase(passphrase);
  const { directory, cwd, lockTimeout } = session;
  const target = resolve(cwd, file);
  const load = (): Promise<DeploymentState> => withStore(directory, (store) => loadDeployment(store, name));
  await load();
  const owner = session.owner ?? `${userInfo().username}@${hostname()}`;
  const exported = await exportDeployment(
    {
      directory,
      name,
      file: target,
      passphrase,
      force,
      move,
      logs,
      owner,
      lockTimeout,
      files: async () => filesOf(directory, await load()),
    },
    { signal },
  );
  return { ...exported, file: target };
}

export function requirePassphrase(passphrase: string): void {
  if (passphrase === '') throw new UsageError('Cannot use an empty passphrase');
}

/** The claims of its hosts, and the key that opens its machines, if that is the state directory's. */
function filesOf(directory: string, state: DeploymentState): readonly ExportedFile[] {
  const claims = openClaims(directory, () => '').all();
  const own = [...claims].filter(([, { tags }]) => tags.uuid === state.uuid);
  const files = own.map(([hash, claim]) => ({
    path: `hosts/${hash}.json`,
    bytes: Buffer.from(JSON.stringify(claim)),
  }));
  const key = stateKeyPath(directory, state.uuid);
  if (!needsKey(state, key) || !existsSync(key)) return files;
  return [...files, { path: 'id_ed25519', bytes: readFileSync(key) }];
}

/** It opens the machines of other deployments, too: it goes along only where it may be asked for. */
function needsKey({ machines, batches }: DeploymentState, key: string): boolean {
  if (batches.size > 0) return true;
  return [...machines.values()].some(
    ({ id, access }) =>
      id !== null &&
      !isHereId(id) &&
      (access === null || (access.kind === 'ssh' && access.privateKey === key)),
  );
}
