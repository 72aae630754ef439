import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { LogEntry } from '../state/log-files.ts';
import { listLogs } from '../state/log-files.ts';
import { loadDeployment, openForReading, withStore } from './deployments.ts';
import type { FollowOptions } from './follow.ts';
import { follow } from './follow.ts';
import type { Session } from './session.ts';

/** A log that exists; `path` is relative to the state directory. */
export type LogFile = LogEntry;

export interface LogSelection {
  /** Only the logs of this step. */
  readonly step?: 'bootstrap' | 'verify' | 'teardown' | undefined;
  /** Those of machines that were replaced, too. Default: false. */
  readonly all?: boolean | undefined;
}

export type LogOptions = LogSelection & FollowOptions;

/** What a log has more: masked already. */
export interface LogPiece extends LogFile {
  readonly bytes: Buffer;
}

/** The logs of a machine's scripts, in the order in which they ran. Rejects with `UsageError` for an unknown machine. */
export async function readLogFiles(
  { directory }: Session,
  deployment: string,
  machine: string,
  selection: LogSelection,
): Promise<readonly LogFile[]> {
  return await withStore(directory, async (store) => {
    const state = await loadDeployment(store, deployment);
    return filesOf(directory, state, requireMachine(state, machine), selection);
  });
}

/** Yields what the logs of a machine say, in the order in which its scripts ran. */
export async function* readLogs(
  { directory }: Session,
  deployment: string,
  machine: string,
  { step, all, ...options }: LogOptions & { readonly signal: AbortSignal },
): AsyncGenerator<LogPiece, void, undefined> {
  await using store = await openForReading(directory);
  const state = await loadDeployment(store, deployment);
  requireMachine(state, machine);
  const seen = new Map<string, number>();
  yield* follow({ ...options, store, state }, function* () {
    for (const file of filesOf(directory, state, machine, { step, all })) {
      const position = seen.get(file.path) ?? 0;
      const bytes = readFrom(join(directory, file.path), position);
      seen.set(file.path, position + bytes.length);
      if (bytes.length > 0) yield { ...file, bytes };
    }
  });
}

function filesOf(
  directory: string,
  state: DeploymentState,
  machine: string,
  { step, all = false }: LogSelection,
): readonly LogFile[] {
  const files = listLogs(directory, state, machine).filter(
    (file) => step === undefined || file.step === step,
  );
  if (all) return files;
  // A launch that is under way counts: the logs are those of the machine that comes.
  const recorded = state.machines.get(machine)?.generation ?? 0;
  const generation = Math.max(recorded, ...files.map((file) => file.generation));
  return files.filter((file) => file.generation === generation);
}

function requireMachine(state: DeploymentState, name: string): string {
  if (state.machines.has(name)) return name;
  throw new UsageError(
    `Cannot find machine "${name}": "${state.name}" has no such machine`,
    `Run "plan status ${state.name}" to see its machines.`,
  );
}

/** The rest of a file. One that was rewritten and is shorter now has no rest. */
function readFrom(path: string, position: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const length = Math.max(0, fstatSync(file).size - position);
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, position));
  } finally {
    closeSync(file);
  }
}
