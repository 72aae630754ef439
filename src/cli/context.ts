import type { CommandGroup, CommandShape, Parsed } from './command-shape.ts';
import type { GlobalFlags } from './global-flags.ts';
import type { Io } from './io.ts';

/** What a command is given. */
export interface Context {
  readonly io: Io;
  readonly flags: GlobalFlags;
  readonly args: readonly string[];
  /** The words after `--`, of a command that takes some; null: there was no `--`. */
  readonly rest: readonly string[] | null;
  /** All there are, in the order of help. */
  readonly commands: readonly CommandShape[];
  /** The same, as help shows them. */
  readonly groups: readonly CommandGroup[];
  /** The command's own flags. */
  readonly options: Parsed;
}

/** Prints a line, or several, of data. */
export function print(context: Context, text: string): void {
  context.io.stdout.write(`${text}\n`);
}

/** Prints one JSON document. */
export function printJson(context: Context, document: unknown): void {
  print(context, JSON.stringify(document, null, 2));
}

/** Prints a message for people. */
export function tell(context: Context, text: string): void {
  context.io.stderr.write(`${text}\n`);
}
