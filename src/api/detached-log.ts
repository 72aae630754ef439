import { join } from 'node:path';

/** Where the process in the background that brings a deployment up writes what it says. */
export function detachedLog(directory: string, deployment: string): string {
  return join(directory, 'detached', `${deployment}.log`);
}
