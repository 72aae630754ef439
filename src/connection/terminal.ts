import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../pseudo-terminal.ts';

export interface TerminalRequest extends TerminalSize {
  /** A command line for the login user's shell; null: that shell, as at a login. */
  readonly command: string | null;
  /** The kind of terminal, as `TERM` has it. */
  readonly term: string;
}

/** A command that runs in a terminal of its own. */
export interface Terminal {
  /** What is typed. */
  readonly input: Writable;
  /** What is shown; ends with the terminal, and is to be read. */
  readonly output: Readable;
  resize(size: TerminalSize): void;
  /**
   * How the command ended; rejects with `ConnectionError` when the connection breaks, and with the reason of the signal
   * that the terminal was opened with, which hangs up on it.
   */
  readonly ended: Promise<TerminalEnd>;
}

/** Exactly one of them is set, as in `ExecResult`. */
export interface TerminalEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}
