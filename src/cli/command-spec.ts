import type { CommandShape } from './command-shape.ts';
import type { Context } from './context.ts';

/** A command that can be run. */
export interface CommandSpec extends CommandShape {
  /** Loads what the command needs, and only that. */
  load(): Promise<Command>;
}

/** Commands that belong together, as help shows them. */
export interface CommandGroup {
  readonly title: string;
  readonly commands: readonly CommandSpec[];
}

/** Runs a command and answers its exit code. */
export type Command = (context: Context) => Promise<number>;
