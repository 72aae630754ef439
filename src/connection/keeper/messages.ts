import type { Access } from '../../machine.ts';
import { ConnectionError } from '../connection.ts';
import type { ConnectionProblem } from '../connection.ts';
import { PrivateKeyError } from '../private-key-error.ts';
import type { TerminalRequest } from '../terminal.ts';

/** What a command says first. */
export interface Hello {
  /** Which program this is: a keeper of another one is of no use. */
  readonly identity: string;
  /** Milliseconds for which connections are kept when they are given back. */
  readonly keep: number;
}

/** What a keeper says to that. */
export interface Welcome {
  /** False: it is another program, takes no calls, and ends when nobody uses it. */
  readonly isWelcome: boolean;
}

/** What is asked of a keeper. `loan`: the call by which the connection was borrowed. */
export type Request =
  | OpenRequest
  | { readonly do: 'ready'; readonly loan: number }
  | { readonly do: 'exec'; readonly loan: number; readonly command: string; readonly hasInput: boolean }
  | { readonly do: 'forward'; readonly loan: number; readonly host: string; readonly port: number }
  | { readonly do: 'terminal'; readonly loan: number; readonly terminal: TerminalRequest };

/** What is asked over a connection. */
export type CallRequest = Exclude<Request, OpenRequest>;

/** A connection to a machine is borrowed until the call is cancelled. */
export interface OpenRequest {
  readonly do: 'open';
  /** The machine's id. */
  readonly machine: string;
  readonly access: Access;
  readonly password?: string;
  readonly noPassword?: string;
}

export interface OpenAnswer {
  /** The key that the machine showed where none was known; null where one was. */
  readonly hostKey: string | null;
}

/** How a command in a terminal, or without one, ended. */
export interface EndAnswer {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

export interface Failure {
  /** `private-key`: a `PrivateKeyError`; null: not one of a connection. */
  readonly problem: ConnectionProblem | 'private-key' | null;
  readonly message: string;
}

export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof PrivateKeyError) return { problem: 'private-key', message };
  return { problem: error instanceof ConnectionError ? error.problem : null, message };
}

export function errorOf({ problem, message }: Failure): Error {
  if (problem === 'private-key') return new PrivateKeyError(message);
  return problem === null ? new Error(message) : new ConnectionError(problem, message);
}

export function parse(payload: Buffer): unknown {
  return JSON.parse(payload.toString());
}
