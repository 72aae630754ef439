import type { Duplex, Readable } from 'node:stream';

import type { TerminalSize } from '../../pseudo-terminal.ts';

/** What a login may do. A handler that is missing refuses. */
export interface SshHandlers {
  /** `command` null: a shell that reads its commands from stdin. */
  readonly exec?: (command: string | null, running: SshCommand) => void;
  /** Resolves to the connected stream, or rejects. */
  readonly forward?: (host: string, port: number) => Promise<Duplex>;
  readonly subsystem?: (name: string, channel: Duplex) => void;
  /** True where commands can be given a terminal. */
  readonly hasTerminals?: () => boolean;
}

/** One command of a login, seen from the machine. */
export interface SshCommand {
  /** The terminal that it is to run in; null: none. */
  readonly terminal: SshTerminal | null;
  readonly stdin: Readable;
  /** `done` is called when the next chunk may follow, of either stream: one at a time. */
  write(to: 'stdout' | 'stderr', chunk: Buffer, done: () => void): void;
  /** Tells how the command ended: exit code, or signal name without `SIG`. */
  ended(how: number | string): void;
  /** After the last output. */
  close(): void;
  readonly onClosed: (listener: () => void) => void;
  readonly onSignal: (listener: (name: string) => void) => void;
}

export interface SshTerminal extends TerminalSize {
  /** Its kind, as `TERM` has it. */
  readonly term: string;
  readonly onResize: (listener: (size: TerminalSize) => void) => void;
}
