import type { ProcessAccess } from '../machine.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';

export function openProcess(access: ProcessAccess, { signal }: OpenOptions): Promise<Connection> {
  signal.throwIfAborted();
  throw new ConnectionError('failed', `Cannot open a connection of kind "${access.kind}"`);
}
