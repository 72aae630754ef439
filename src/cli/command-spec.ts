import type { CommandShape } from './command-shape.ts';
import type { Context } from './context.ts';

/** A command that can be run. */
export interface CommandSpec extends CommandShape {
  /** Loads what the command needs, and only that. */
  load(): Promise<Command>;
}

/** Runs a command and answers its exit code. */
export type Command = (context: Context) => Promise<number>;
