import { isRunning } from '../../src/providers/local/processes.ts';

/** True when there is no such process any more; a zombie does not count as one. */
export function isGone(pid: number): boolean {
  return !isRunning(pid);
}
