import type { Access } from '../machine.ts';
import type { Connection } from './connection.ts';

export interface OpenOptions {
  /** Aborts the opening only. */
  readonly signal: AbortSignal;
  /** Told once when no host key was known: the one that the machine showed. */
  readonly onHostKey: (hostKey: string) => void;
  /** Told when the open connection breaks; not when it is disposed of. */
  readonly onLost?: () => void;
  /** The protocol's own debugging output. */
  readonly log?: (line: string) => void;
}

/** Opens a connection to a machine. Rejects with `ConnectionError`, or the signal's reason. */
export async function openConnection(access: Access, options: OpenOptions): Promise<Connection> {
  const { openSsh } = await import('./ssh.ts');
  return await openSsh(access, options);
}
