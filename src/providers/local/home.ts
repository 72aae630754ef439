import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { chmod, cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export function homeOf(directory: string): string {
  return join(directory, 'home');
}

/** Makes a machine's directory and its home, unless it has one. A home is either complete or not there. */
export async function makeHome(directory: string, image: string | null): Promise<void> {
  const home = homeOf(directory);
  if (existsSync(home)) return;
  if (image === null) {
    makeEmptyHome(directory);
    return;
  }
  const unfinished = join(directory, 'home.new');
  await removeTree(unfinished);
  await cp(image, unfinished, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  await chmod(unfinished, 0o700);
  await rename(unfinished, home);
}

/** Without a promise: a thousand machines are made in one go. */
export function makeEmptyHome(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  mkdirSync(homeOf(directory), { recursive: true, mode: 0o700 });
}

/** Removes a directory, one that scripts made read-only too. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    await run('chmod', ['-R', 'u+rwX', directory]);
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
