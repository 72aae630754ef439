import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';

/** Throws `UsageError` for files that only this process can read. */
export function refuseStreams({ io, options }: Context): void {
  for (const path of options.list('input-file')) {
    const found = statSync(resolve(io.cwd, path), { throwIfNoEntry: false });
    if (found !== undefined && !found.isFile())
      throw new UsageError(
        `Cannot go on in the background with --input-file "${path}": it is not a regular file, and could not be read again`,
        'Give the values with --input, or keep them in a file.',
      );
  }
}
