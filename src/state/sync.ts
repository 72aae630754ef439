import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Has the content of a file outlive a power cut. */
export function syncFile(path: string): void {
  const opened = openSync(path, 'r+');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/** Has the names in a directory outlive a power cut; what cannot be synchronised is not. */
export function syncDirectory(path: string): void {
  const opened = openSync(path, 'r');
  try {
    fsyncSync(opened);
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(opened);
  }
}
