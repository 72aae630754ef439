import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Mask } from '../mask.ts';
import { deploymentDirectory } from './log-files.ts';
import type { Logs } from './logs.ts';
import { explained } from './state-error.ts';

/** Runs of a kind whose logs are kept for each deployment. */
const KEPT = 50;

/** The logs of one run over machines: `logs/<deployment>-<first 8 of uuid>/<kind>/<time>-<nonce>/<machine>.log`. */
export interface RunLogs {
  /** Relative to the state directory. */
  readonly directory: string;
  /** Raw bytes of what a machine printed, in order. Never throws: a failing disk is told by `end`. */
  write(machine: string, chunk: Buffer): void;
  /** Ends a machine's log with a line of its own. Rejects with `StateError` when writing failed. */
  end(machine: string, line: string): Promise<void>;
}

export interface RunLogsRequest {
  /** The state directory, absolute. */
  readonly stateDirectory: string;
  readonly deployment: { readonly name: string; readonly uuid: string };
  /** What kind of run it is: `exec`. No machine is called that. */
  readonly kind: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Tells runs of the same millisecond apart. */
  readonly nonce: string;
  readonly mask: Mask;
}

/** Opens the logs of a run, and removes those of all but the newest 50 runs of its kind. Throws `StateError`. */
export function openRunLogs(
  logs: Logs,
  { stateDirectory, deployment, kind, now, nonce, mask }: RunLogsRequest,
): RunLogs {
  const parent = join(deploymentDirectory(deployment), kind);
  // Colons are none of a file's name on every system.
  const directory = join(parent, `${new Date(now).toISOString().replaceAll(':', '-')}-${nonce}`);
  explained(`remove old logs in "${parent}"`, () => forgetOld(join(stateDirectory, parent)));
  const open = new Map<string, { readonly log: ReturnType<Logs['open']>; isAtStart: boolean }>();

  function logOf(machine: string): NonNullable<ReturnType<typeof open.get>> {
    const known = open.get(machine);
    if (known !== undefined) return known;
    const entry = { log: logs.open(join(directory, `${machine}.log`), mask), isAtStart: true };
    open.set(machine, entry);
    return entry;
  }

  return {
    directory,
    write(machine, chunk) {
      if (chunk.length === 0) return;
      const entry = logOf(machine);
      entry.log.write(chunk);
      entry.isAtStart = chunk.at(-1) === 10;
    },
    async end(machine, line) {
      const { log, isAtStart } = logOf(machine);
      log.write(Buffer.from(`${isAtStart ? '' : '\n'}${line}\n`));
      open.delete(machine);
      await log.end();
    },
  };
}

/** Makes room for one more. Names begin with a time, so they are in order. */
function forgetOld(parent: string): void {
  for (const name of namesIn(parent)
    .toSorted()
    .slice(0, -(KEPT - 1)))
    rmSync(join(parent, name), { recursive: true, force: true });
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
