import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True when a program of this name can be started. */
export function isInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
