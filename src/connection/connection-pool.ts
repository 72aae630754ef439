import type { Access } from '../machine.ts';
import type { Connection } from './connection.ts';

/** One machine to be reached. */
export interface Target {
  /** One connection is kept per key: the machine's id. */
  readonly key: string;
  readonly access: Access;
  /** Lets in by a password where keys do not; never recorded. */
  readonly password?: string;
  /** Why there is no password although the plan has one, for messages. */
  readonly noPassword?: string;
  /** Told once when `access.hostKey` is null and the machine showed this key (`ssh-ed25519 AAAA…`). */
  readonly onHostKey?: (hostKey: string) => void;
}

/**
 * Keeps one connection per machine and shares it between steps; opens it when needed and again when it was lost.
 * Bounds handshakes under way, open connections, and sessions of one connection.
 */
export interface ConnectionPool extends AsyncDisposable {
  /** Lends the machine's connection to `work`. One try at opening it; the caller repeats. */
  use<T>(
    target: Target,
    options: { readonly signal: AbortSignal },
    work: (connection: Connection) => Promise<T>,
  ): Promise<T>;
  /** The machine's connection is of no more use here: closes it once nothing uses it, where it is not kept for others. */
  release(key: string): void;
  /** The machine ends, or has to be reached anew: as `release`, and no connection to it is kept for others. */
  discard(key: string): void;
}
