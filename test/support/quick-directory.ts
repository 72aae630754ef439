import { accessSync, constants } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** On Linux it is in memory: no commit waits for a disk there. */
const MEMORY = '/dev/shm';

/** A new directory for databases and plans of tests that do not care what a power cut leaves. */
export function quickDirectory(prefix: string): Promise<string> {
  return mkdtemp(join(isThere() ? MEMORY : tmpdir(), prefix));
}

function isThere(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
