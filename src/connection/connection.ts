import type { Duplex, Readable, Writable } from 'node:stream';
import type { Terminal, TerminalRequest } from './terminal.ts';

/** How a machine is reached. Rejections are `ConnectionError`, or the signal's reason when cancelled. */
export interface Connection extends AsyncDisposable {
  /** Sees whether commands can be run: resolves as an exec of a no-op does, which is of use to the next one. */
  ready(options: { readonly signal: AbortSignal }): Promise<ExecResult>;
  /** Runs a command line with the login user's shell. Resolves whatever the exit code. */
  exec(command: string, options: ExecOptions): Promise<ExecResult>;
  /** Writes files: temporary name, then rename; parents are made. Needs nothing but a POSIX shell over there. */
  upload(files: readonly RemoteFile[], options: { readonly signal: AbortSignal }): Promise<void>;
  /** The bytes of one file. */
  download(path: string, options: { readonly signal: AbortSignal }): Promise<Buffer>;
  /** A stream to a TCP port as seen from the machine. */
  forward(
    target: { readonly host: string; readonly port: number },
    options: { readonly signal: AbortSignal },
  ): Promise<Duplex>;
  /** Runs a command in a terminal, until the signal aborts at the latest; absent: it has none. */
  terminal?(request: TerminalRequest, options: { readonly signal: AbortSignal }): Promise<Terminal>;
  /**
   * True where it is as good as one that is just opened: the machine answers, and nothing that was begun goes on, what
   * was cancelled included. Absent: nobody can tell.
   */
  isAsNew?(options: { readonly signal: AbortSignal }): Promise<boolean>;
}

export interface ExecOptions {
  readonly signal: AbortSignal;
  readonly stdin?: Buffer | string | Readable;
  /** With a listener the result's own buffer stays empty. */
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Take what is printed at their own pace, instead of a listener or the buffer; they are not ended. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

/** Exactly one of `exitCode` and `exitSignal` is set. */
export interface ExecResult {
  readonly exitCode: number | null;
  /** Without `SIG`: `KILL`, `TERM`. */
  readonly exitSignal: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface RemoteFile {
  /** Absolute, or relative to the login user's home; a leading `~/` is the home. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Buffer;
}

/**
 * - `unreachable`: no answer, refused, no route: worth trying again
 * - `lost`: an open connection broke: worth opening again
 * - `authentication`, `host-key`: trying again changes nothing
 * - `failed`: the other side refused this one thing (a channel, a forward, a write)
 */
export type ConnectionProblem = 'unreachable' | 'lost' | 'authentication' | 'host-key' | 'failed';

export class ConnectionError extends Error {
  readonly problem: ConnectionProblem;

  constructor(problem: ConnectionProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectionError';
    this.problem = problem;
  }
}
