import { Command as Parser, CommanderError, Option } from 'commander';
import { UsageError } from '../errors.ts';
import type { FlagSpec, Parsed } from './command-shape.ts';
import type { CommandSpec } from './command-spec.ts';

/** What a command line asks for. */
export type Invocation =
  | {
      readonly kind: 'command';
      readonly spec: CommandSpec;
      readonly args: readonly string[];
      /** The words after `--`, of a command that takes some; null: there was no `--`. */
      readonly rest: readonly string[] | null;
      readonly globals: Parsed;
      readonly options: Parsed;
    }
  /** `spec` null: of plan itself. */
  | { readonly kind: 'help'; readonly spec: CommandSpec | null }
  | { readonly kind: 'version' };

/** Reads a command line. Global flags may stand before and after the command. Throws `UsageError`. */
export function parseArgv(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  globalFlags: readonly FlagSpec[],
): Invocation {
  if (argv.length === 0) return { kind: 'help', spec: null };
  const end = argv.indexOf('--');
  if (end === -1) return parseWords(argv, commands, globalFlags);
  const command = commands.find(({ name, rest }) => rest !== undefined && argv.slice(0, end).includes(name));
  const before = command === undefined ? null : parseWords(argv.slice(0, end), commands, globalFlags);
  if (before?.kind !== 'command' || before.spec.rest === undefined)
    return parseWords(argv, commands, globalFlags);
  return { ...before, rest: argv.slice(end + 1) };
}

function parseWords(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  globalFlags: readonly FlagSpec[],
): Invocation {
  let invocation: Invocation | undefined;
  let helped: CommandSpec | null = null;
  const program = quietParser('plan', () => (helped = null));
  program.version('', '--version').helpOption('-h, --help').helpCommand(false);
  for (const flag of globalFlags) if (!['help', 'version'].includes(flag.name)) addFlag(program, flag);
  for (const spec of commands) {
    const parser = quietParser(spec.name, () => (helped = spec)).allowExcessArguments(false);
    if (argv.includes(spec.name)) addWords(parser, spec);
    parser.action(() => {
      invocation = {
        kind: 'command',
        spec,
        args: parser.args,
        rest: null,
        globals: parsedOf(program.opts()),
        options: parsedOf(parser.opts()),
      };
    });
    program.addCommand(parser, { hidden: spec.hidden ?? false });
  }
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.version') return { kind: 'version' };
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help')
      return { kind: 'help', spec: helped };
    throw usageError(error.message);
  }
  return invocation ?? { kind: 'help', spec: null };
}

/** A parser that prints nothing and ends no process. */
function quietParser(name: string, onHelp: () => void): Parser {
  const parser = new Parser(name).exitOverride();
  parser.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  parser.helpInformation = () => {
    onHelp();
    return '';
  };
  return parser;
}

/** What may follow the name of a command; of the others only names are known. */
function addWords(parser: Parser, spec: CommandSpec): void {
  for (const { name, required, many } of spec.arguments) {
    const shown = many ? `${name}...` : name;
    parser.argument(required ? `<${shown}>` : `[${shown}]`);
  }
  for (const flag of spec.flags) addFlag(parser, flag);
}

function addFlag(parser: Parser, flag: FlagSpec): void {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const value = flag.value === undefined ? '' : ` <${flag.value}>`;
  const option = new Option(`${short}--${flag.name}${value}`);
  if (flag.choices !== undefined) option.choices(flag.choices);
  if (flag.repeatable) option.argParser(collect);
  parser.addOption(option);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function parsedOf(values: Readonly<Record<string, unknown>>): Parsed {
  const valueOf = (name: string): unknown =>
    values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return {
    flag: (name) => (name.startsWith('no-') ? valueOf(name.slice(3)) === false : valueOf(name) === true),
    text(name) {
      const value = valueOf(name);
      return typeof value === 'string' ? value : undefined;
    },
    list(name) {
      const value = valueOf(name);
      return Array.isArray(value) ? value.map(String) : [];
    },
  };
}

const SUGGESTION = /\n\(Did you mean (?:one of )?(.*)\?\)$/;

/** Turns the parser's words into the project's own. */
function usageError(text: string): UsageError {
  const message = text.replace(/^error: /, '').replace(SUGGESTION, '');
  const near = SUGGESTION.exec(text)?.[1];
  return new UsageError(
    `Cannot read the command line: ${message.replaceAll("'", '"')}`,
    near === undefined ? 'Run "plan help" to see what there is.' : `Did you mean ${quoteAll(near)}?`,
  );
}

function quoteAll(names: string): string {
  return names
    .split(', ')
    .map((name) => `"${name}"`)
    .join(' or ');
}
