import { PassThrough } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import { LOGIN_SHELL } from '../../connection/login-shell.ts';
import type { TerminalRequest } from '../../connection/terminal.ts';
import type { Machine } from '../../machine.ts';
import type { TerminalSize } from '../../pseudo-terminal.ts';
import { shellLine } from './shell-line.ts';

export interface ShellRequest {
  /** Words, which reach the machine byte for byte; null: the login shell. */
  readonly words: readonly string[] | null;
  /** Who runs them; null: the login user. */
  readonly user: string | null;
  /** Null: none, the outputs are apart. */
  readonly terminal: Omit<TerminalRequest, 'command'> | null;
}

/** A command on a machine, to talk to. Disposing hangs up on it. */
export interface Shell extends AsyncDisposable {
  /** What it reads, or is typed. */
  readonly stdin: Writable;
  /** What it prints, or a terminal shows; to be read. */
  readonly stdout: Readable;
  /** Empty with a terminal. */
  readonly stderr: Readable;
  /** Tells a terminal its new size. */
  resize(size: TerminalSize): void;
  /** How it ended. Rejects when the connection breaks, and with the reason of the signal. */
  readonly ended: Promise<ShellEnd>;
}

/** Exactly one of them is set; a signal is without `SIG`. */
export interface ShellEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

/** Lends the machine's connection to work that is begun at most once. */
export type Lend = <T>(signal: AbortSignal, work: (connection: Connection) => Promise<T>) => Promise<T>;

/** Begins a command. Rejects as `lend` does. */
export async function openShell(
  lend: Lend,
  { access }: Pick<Machine, 'access'>,
  { words, user, terminal }: ShellRequest,
  { signal: outer }: { readonly signal: AbortSignal },
): Promise<Shell> {
  const over = new AbortController();
  const signal = AbortSignal.any([outer, over.signal]);
  const line = shellLine(words, user);
  let tell: (shell: Omit<Shell, 'ended' | typeof Symbol.asyncDispose>) => void = () => undefined;
  const opened = new Promise<Parameters<typeof tell>[0]>((resolve) => {
    tell = resolve;
  });
  const ended = lend(signal, async (connection) => {
    if (terminal === null) return await talk(connection, restored(line ?? LOGIN_SHELL));
    if (connection.terminal === undefined)
      throw new ConnectionError('failed', 'Cannot open a terminal: there is none over this connection');
    const running = await connection.terminal({ ...terminal, command: line }, { signal });
    const stderr = new PassThrough();
    stderr.end();
    tell({ stdin: running.input, stdout: running.output, stderr, resize: (size) => running.resize(size) });
    return await running.ended;
  });
  // Whoever has no interest in how it ended need not look.
  ended.catch(() => undefined);
  const shell = await Promise.race([opened, ended.then(() => opened)]);
  return {
    ...shell,
    ended,
    async [Symbol.asyncDispose]() {
      over.abort(new Error('The shell was closed'));
      await Promise.allSettled([ended]);
    },
  };

  async function talk(connection: Connection, command: string): Promise<ShellEnd> {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const streams = { stdin, stdout, stderr };
    tell({ ...streams, resize: () => undefined });
    try {
      const { exitCode, exitSignal } = await connection.exec(command, { signal, ...streams });
      stdout.end();
      stderr.end();
      return { exitCode, exitSignal };
    } catch (error) {
      for (const stream of [stdout, stderr]) stream.on('error', () => undefined).destroy(error as Error);
      throw error;
    }
  }

  /** What the programs of plan changed of the caller's environment is no business of people. */
  function restored(command: string): string {
    return access?.kind === 'process' ? `eval "\${PLAN_RESTORE-}"\n${command}` : command;
  }
}
