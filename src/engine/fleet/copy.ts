import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { getTree, putTree } from '../../connection/transfer.ts';
import { surveyTree } from '../../connection/tree-survey.ts';
import { UsageError } from '../../errors.ts';
import type { Machine } from '../../machine.ts';
import type { Fleet } from './fleet.ts';
import { overMachines } from './over-machines.ts';
import type { MachineResult, OverOptions } from './over-machines.ts';

/** What was copied to or from a machine. */
export interface CopyEnd {
  /** Of files. */
  readonly bytes: number;
  /** What it became: on this computer when it came from a machine, else as the request called it. */
  readonly paths: readonly string[];
}

export interface CopyOptions extends OverOptions<CopyEnd> {
  /** Told how many bytes of files have been passed on since it was told last. */
  readonly onBytes?: (machine: string, count: number) => void;
}

export interface CopyRequest {
  /**
   * Files and directories. One that is a link is followed, links inside of directories are kept. `DIRECTORY/.` stands
   * for what is in it. Relative paths of this computer start from the working directory, those of a machine from the
   * home of the user, which `~` stands for too.
   */
  readonly from: readonly string[];
  /**
   * As with `cp -r`: into it where it is a directory, else what the only source becomes. A directory that has this name
   * already is merged with, a file is replaced. Nothing is seen under its name before all of it is there.
   */
  readonly to: string;
  /** Who reads or writes on the machine; null: the login user. */
  readonly user: string | null;
}

/** Copies files of this computer to machines. Rejects, before any is reached, when one cannot be read. */
export async function copyTo(
  fleet: Fleet,
  machines: readonly Machine[],
  { from, to, user }: CopyRequest,
  options: CopyOptions,
): Promise<readonly MachineResult<CopyEnd>[]> {
  const sources = await Promise.all(
    from.map(async (path) => ({ name: nameOf(path, resolve(path)), tree: await surveyTree(path) })),
  );
  return await overMachines(
    machines,
    (machine, cancel) =>
      fleet.use(machine, cancel, async (connection) => {
        let bytes = 0;
        for (const { name, tree } of sources)
          await putTree(
            connection,
            { tree, name, to, isOneOfSeveral: sources.length > 1, user },
            {
              ...cancel,
              onBytes(count) {
                bytes += count;
                options.onBytes?.(machine.name, count);
              },
            },
          );
        return { bytes, paths: [to] };
      }),
    options,
  );
}

/**
 * Copies files of machines to this computer. What comes from several machines gets the machine's name appended:
 * `hosts.web-0`. Rejects with a `UsageError`, before any is reached, when there is no place for it.
 */
export async function copyFrom(
  fleet: Fleet,
  machines: readonly Machine[],
  { from, to, user }: CopyRequest,
  options: CopyOptions,
): Promise<readonly MachineResult<CopyEnd>[]> {
  const isDirectory = await isThere(to);
  if (!isDirectory && (from.length > 1 || to.endsWith('/')))
    throw new UsageError(`Cannot copy to "${to}": there is no such directory`);
  const isFromSeveral = machines.length > 1;

  function pathFor(source: string, machine: string): string {
    const name = nameOf(source, source);
    if (!isFromSeveral) return isDirectory && name !== '.' ? join(to, name) : to;
    if (!isDirectory) return `${to}.${machine}`;
    return join(to, name === '.' ? machine : `${name}.${machine}`);
  }

  return await overMachines(
    machines,
    (machine, cancel) =>
      fleet.use(machine, cancel, async (connection) => {
        let bytes = 0;
        const paths: string[] = [];
        for (const source of from) {
          const path = pathFor(source, machine.name);
          await getTree(
            connection,
            { from: source, path, user },
            {
              ...cancel,
              onBytes(count) {
                bytes += count;
                options.onBytes?.(machine.name, count);
              },
            },
          );
          paths.push(path);
        }
        return { bytes, paths };
      }),
    options,
  );
}

/** What a source is called where it is copied to; `.`: what is in it is copied. `absolute` has its real name. */
function nameOf(path: string, absolute: string): string {
  if (/(?:^|\/)\.{1,2}\/*$/.test(path) || /^~?\/*$/.test(path)) return '.';
  return basename(absolute);
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
