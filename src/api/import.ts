import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DeploymentState } from '../state/deployment-state.ts';
import { importDeployment } from '../state/import.ts';
import { requirePassphrase } from './export.ts';
import type { Session } from './session.ts';

export interface ImportOptions {
  /** The one that the file was exported with. */
  readonly passphrase: string;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportSummary {
  readonly name: string;
  readonly uuid: string;
  /** `user@host` of whoever exported it. */
  readonly owner: string;
  /** Epoch milliseconds at which it was exported. */
  readonly exportedAt: number;
  /** The state directory that it came from. */
  readonly origin: string;
  /** False: the state directory that it came from may work on the same machines. */
  readonly moved: boolean;
  readonly facts: number;
  readonly machines: number;
  /** Absolute path of its plan file, which was written unless one was there; null: it has none. */
  readonly plan: string | null;
  /** Names of machines that were on another computer: the next `up` launches them here. */
  readonly leftBehind: readonly string[];
  /** Other state directories of this computer that have machines of it, and have to stay. */
  readonly homes: readonly string[];
  /** Paths of private keys that its machines are reached with, and that are not here. */
  readonly missingKeys: readonly string[];
}

/** Records an exported deployment, or nothing of it. Rejects with `UsageError`, `LockedError` or `StateError`. */
export async function importFrom(
  { directory, cwd }: Session,
  file: string,
  { passphrase, signal }: ImportOptions & { readonly signal: AbortSignal },
): Promise<ImportSummary> {
  requirePassphrase(passphrase);
  const { head, state, ...imported } = await importDeployment(
    { directory, file: resolve(cwd, file), passphrase },
    { signal },
  );
  const { name, uuid, owner, exportedAt, moved } = head;
  return {
    name,
    uuid,
    owner,
    exportedAt,
    origin: head.directory,
    moved,
    ...imported,
    missingKeys: missingKeys(state),
  };
}

function missingKeys({ machines }: DeploymentState): readonly string[] {
  const paths = [...machines.values()].flatMap(({ id, access }) =>
    id !== null && access?.kind === 'ssh' && access.privateKey !== null ? [access.privateKey] : [],
  );
  return [...new Set(paths)].filter((path) => !existsSync(path));
}
