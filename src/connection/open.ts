import type { Access } from '../machine.ts';
import type { Connection } from './connection.ts';
import type { OpenOptions } from './open-options.ts';

/** Opens a connection to a machine. Rejects with `ConnectionError`, or the signal's reason. */
export async function openConnection(access: Access, options: OpenOptions): Promise<Connection> {
  const { openSsh } = await import('./ssh.ts');
  return await openSsh(access, options);
}
