import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { OperationError } from '../../errors.ts';

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

/** Makes the directory. All of it throws `OperationError` when nothing can be written there. */
export function outputFiles(directory: string): OutputFiles {
  const open = new Map<string, number>();
  said(directory, () => mkdirSync(directory, { recursive: true }));

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

function said(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw new OperationError(`Cannot write "${path}": ${(error as Error).message}`);
  }
}
