import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { explained, stateError } from './state-error.ts';
import { syncDirectory } from './sync.ts';

/**
 * Has a file written under another name beside it, for nobody else to read, and gives it its own when it is complete.
 * With `force` it takes the place of one that is there; without, `isThere` is what is thrown then.
 */
export async function writeExportFile(
  file: string,
  { force, isThere }: { readonly force: boolean; readonly isThere: (file: string) => Error },
  write: (opened: number) => Promise<void>,
): Promise<void> {
  const writing = `write the export "${file}"`;
  const directory = dirname(file);
  const draft = join(directory, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const opened = explained(writing, () => openSync(draft, 'wx', 0o600));
  try {
    try {
      await write(opened);
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    if (force) renameSync(draft, file);
    else publish(draft, file, isThere);
    syncDirectory(directory);
  } catch (error) {
    throw stateError(writing, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A link is made only where nothing is; some disks have none. */
function publish(draft: string, file: string, isThere: (file: string) => Error): void {
  try {
    linkSync(draft, file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST' || existsSync(file)) throw isThere(file);
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(code)) throw error;
    renameSync(draft, file);
  }
}
