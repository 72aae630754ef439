import { readdirSync, readlinkSync } from 'node:fs';

/** True while there is a process of this number. */
export function isProcess(pid: number): boolean {
  return signalled(pid, 0) !== 'gone';
}

/**
 * Asks the process that holds a lock to end. `hidden`: the number means another process here, where only some of the
 * computer's processes are seen. `forbidden`: it belongs to another user.
 */
export function interrupt(pid: number, lockFile: string): 'asked' | 'gone' | 'hidden' | 'forbidden' {
  return hasOpen(pid, lockFile) === false ? 'hidden' : signalled(pid, 'SIGTERM');
}

function signalled(pid: number, signal: 0 | 'SIGTERM'): 'asked' | 'gone' | 'forbidden' {
  try {
    process.kill(pid, signal);
    return 'asked';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return 'gone';
    if (code === 'EPERM') return 'forbidden';
    throw error;
  }
}

/** Whether a process has a file open; undefined where that cannot be seen. */
function hasOpen(pid: number, path: string): boolean | undefined {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => linkOf(`${directory}/${fd}`) === path);
  } catch {
    return undefined;
  }
}

/** Undefined for what was closed meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
