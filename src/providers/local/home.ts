import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, cp, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Makes a machine's home, unless it has one. A home is either complete or not there. */
export async function makeHome(home: string, image: string | null): Promise<void> {
  if (existsSync(home)) return;
  if (image === null) {
    mkdirSync(home, { mode: 0o700 });
    return;
  }
  const unfinished = unfinishedHome(home);
  await removeTree(unfinished);
  await cp(image, unfinished, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  await chmod(unfinished, 0o700);
  await rename(unfinished, home);
}

/** Without a promise: a thousand are made in one go. False when it could not be made. */
export function makeEmptyHome(home: string): boolean {
  try {
    mkdirSync(home, { mode: 0o700 });
    return true;
  } catch {
    return false;
  }
}

export async function removeHome(home: string): Promise<void> {
  await removeTree(home);
  const unfinished = unfinishedHome(home);
  if (existsSync(unfinished)) await removeTree(unfinished);
}

function unfinishedHome(home: string): string {
  return `${home}.new`;
}

/** A directory that scripts made read-only too. */
async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    await run('chmod', ['-R', 'u+rwX', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
