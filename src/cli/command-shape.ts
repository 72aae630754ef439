/** A command as data: what help, the parser and the completion scripts are made of. */
export interface CommandShape {
  readonly name: string;
  /** For the list of commands. */
  readonly summary: string;
  /** Lines of the command's own help. */
  readonly details: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  /** What stands after `--`, word by word; absent: nothing does. */
  readonly rest?: RestSpec;
  readonly flags: readonly FlagSpec[];
  /** Command lines and what they are for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Not in help: called by completion scripts. */
  readonly hidden?: true;
}

/** Commands that belong together, as help shows them. */
export interface CommandGroup<C extends CommandShape = CommandShape> {
  readonly title: string;
  readonly commands: readonly C[];
}

export interface ArgumentSpec {
  readonly name: string;
  readonly required: boolean;
  readonly many: boolean;
  readonly completes: Completes;
}

export interface RestSpec {
  /** As help shows it, such as `COMMAND…`. */
  readonly name: string;
  readonly required: boolean;
}

/** What the shell may offer for a value. */
export type Completes =
  'files' | 'deployments' | 'machines' | 'services' | 'selector' | 'commands' | 'shells' | 'nothing';

export interface FlagSpec {
  /** Without dashes; a name that begins with `no-` is a flag of its own. */
  readonly name: string;
  readonly short?: string;
  /** What its value is called in help; absent: it takes none. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly repeatable?: true;
  readonly completes?: Completes;
  readonly summary: string;
}

/** Flags as they were given on the command line. */
export interface Parsed {
  flag(name: string): boolean;
  /** The value of a flag that takes one; undefined: not given. */
  text(name: string): string | undefined;
  /** All values of a repeatable flag. */
  list(name: string): readonly string[];
}
