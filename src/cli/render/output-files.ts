import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { OperationError, UsageError } from '../../errors.ts';

/** Files with what machines print: `web-0.out` and `web-0.err` in a directory. */
export interface OutputFiles {
  write(machine: string, stream: OutputStream, bytes: Buffer): void;
  /**
   * Gives what a machine printed its names, in place of what is there. One that did not run (`ran: false`) and printed
   * nothing loses the files of an earlier run.
   */
  end(machine: string, options: { readonly ran: boolean }): void;
}

export type OutputStream = 'stdout' | 'stderr';

const SUFFIXES = { stdout: 'out', stderr: 'err' } as const;

/**
 * Makes the directory; throws `UsageError` when nothing can be written there. What it answers throws `OperationError`
 * when a file cannot be written.
 */
export function outputFiles(directory: string): OutputFiles {
  const open = new Map<string, number>();
  makeDirectory(directory);

  function pathOf(machine: string, stream: OutputStream): string {
    return join(directory, `${machine}.${SUFFIXES[stream]}`);
  }
  function draftOf(machine: string, stream: OutputStream): string {
    return join(directory, `.${machine}.${SUFFIXES[stream]}.${process.pid}`);
  }
  function fileOf(draft: string): number {
    const known = open.get(draft) ?? openSync(draft, 'w');
    open.set(draft, known);
    return known;
  }

  return {
    write(machine, stream, bytes) {
      said(pathOf(machine, stream), () => {
        const file = fileOf(draftOf(machine, stream));
        for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      });
    },
    end(machine, { ran }) {
      const drafts = (['stdout', 'stderr'] as const).map((stream) => ({
        draft: draftOf(machine, stream),
        path: pathOf(machine, stream),
      }));
      const isThere = ran || drafts.some(({ draft }) => open.has(draft));
      for (const { draft, path } of drafts)
        said(path, () => {
          if (!isThere) {
            rmSync(path, { force: true });
            return;
          }
          closeSync(fileOf(draft));
          open.delete(draft);
          renameSync(draft, path);
        });
    },
  };
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isOther = code === 'EEXIST' || code === 'ENOTDIR';
    throw new UsageError(
      `Cannot write to "${directory}": ${isOther ? 'it is no directory, or below what is none' : message}`,
    );
  }
}

function said(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new OperationError(`Cannot write "${path}": ${(error as Error).message}`);
  }
}
