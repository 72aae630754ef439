import { join } from 'node:path';

/** Where a state directory keeps its machines: one directory each, and the files of their host. */
export function machinesDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'machines');
}

/** Files of the host in `machines/`. */
export function hostingPaths(directory: string) {
  return {
    /** Locked by the host for its life, never written. */
    lock: join(directory, 'host.lock'),
    /** What is recorded of machines. */
    records: join(directory, 'host.db'),
    /** Where the host is controlled. */
    address: join(directory, 'host.json'),
    log: join(directory, 'host.log'),
  };
}
