import { openShell } from '../engine/fleet/shell.ts';
import type { Shell } from '../engine/fleet/shell.ts';
import { ConnectionError } from '../connection/connection.ts';
import { UsageError } from '../errors.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import { oneMachine } from './one-machine.ts';
import { openReach } from './reach.ts';
import type { Session } from './session.ts';

export type { Shell, ShellEnd } from '../engine/fleet/shell.ts';

export interface ShellOptions extends InputOptions {
  /** Words, which reach the machine byte for byte, or a line for `sh -c`. Default: the login shell. */
  readonly command?: string | readonly string[] | undefined;
  /** Who runs it. Default: the login user. */
  readonly user?: string | undefined;
  /** The terminal that it runs in: its size in characters, and its kind as `TERM` has it. Default: none. */
  readonly terminal?: ShellTerminal | undefined;
  /** Hangs up. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for a connection. Default: 30,000. */
  readonly connectTimeout?: number | undefined;
}

export interface ShellTerminal {
  readonly columns: number;
  readonly rows: number;
  /** Default: `xterm-256color`. */
  readonly term?: string | undefined;
}

/**
 * Begins a command on a machine, to talk to. Rejects with `UsageError` for a machine or a command that is none, and with
 * `OperationError` when the machine cannot be reached.
 */
export async function beginShell(
  session: Session,
  deployment: string,
  term: string,
  {
    command,
    user,
    terminal,
    signal,
    connectTimeout = 30_000,
    ...inputs
  }: ShellOptions & { readonly signal: AbortSignal },
): Promise<Shell> {
  const reach = await openReach(session, deployment, inputSource(session, inputs));
  const close = async (): Promise<void> => await reach[Symbol.asyncDispose]();
  try {
    const machine = oneMachine(reach.state, term);
    const shell = await openShell(
      (joint, work) => reach.use(machine, { signal: joint, connectTimeout }, work),
      machine,
      {
        words: wordsOf(command),
        user: user ?? null,
        terminal: terminal === undefined ? null : { term: 'xterm-256color', ...defined(terminal) },
      },
      { signal },
    );
    const ended = shell.ended.finally(close);
    ended.catch(() => undefined);
    return {
      ...shell,
      ended,
      async [Symbol.asyncDispose]() {
        await shell[Symbol.asyncDispose]();
        await Promise.allSettled([ended]);
      },
    };
  } catch (error) {
    await close();
    throw error instanceof ConnectionError ? new UsageError(error.message) : error;
  }
}

export function wordsOf(command: ShellOptions['command']): readonly string[] | null {
  if (command === undefined || command.length === 0) return null;
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}

function defined({ term, ...size }: ShellTerminal): { columns: number; rows: number; term?: string } {
  return term === undefined ? size : { ...size, term };
}
