import { isOnPath } from '../../src/programs.ts';

/** True when a program of this name can be started. */
export function isInstalled(name: string): boolean {
  return isOnPath(name, process.env['PATH'] ?? '');
}
