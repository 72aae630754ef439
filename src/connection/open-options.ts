/** How a connection is opened. */
export interface OpenOptions {
  /** Aborts the opening only. */
  readonly signal: AbortSignal;
  /** Lets in by a password where keys do not. */
  readonly password?: string;
  /** Why there is no password although one was meant to be, for messages. */
  readonly noPassword?: string;
  /** Told once when no host key was known: the one that the machine showed. */
  readonly onHostKey: (hostKey: string) => void;
  /** Told when the open connection breaks; not when it is disposed of. */
  readonly onLost?: () => void;
  /** The protocol's own debugging output. */
  readonly log?: (line: string) => void;
}
