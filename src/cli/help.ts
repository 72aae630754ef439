import type { CommandShape, FlagSpec } from './command-shape.ts';
import { variableOf } from './global-flags.ts';
import { table } from './table.ts';

/** The help of plan itself. */
export function programHelp(commands: readonly CommandShape[], globalFlags: readonly FlagSpec[]): string {
  const shown = commands.filter((spec) => !spec.hidden);
  return lines([
    'plan - brings up levels of services, verified machine by machine, and remembers what it did',
    '',
    'Usage: plan <command> [arguments] [flags]',
    '',
    ...columns(shown.map((spec) => [spec.name, spec.summary])),
    '',
    'Flags of every command, each with the environment variable that sets it:',
    ...columns(globalFlags.map((flag) => [flagText(flag), variableOf(flag) ?? '', flag.summary])),
    '',
    'Examples:',
    ...columns([
      ['plan up plans/quickstart.yml', 'bring a plan up'],
      ['plan help up', 'what a command does'],
    ]),
  ]);
}

/** The help of one command: 24 lines at most. */
export function commandHelp(spec: CommandShape, globalFlags: readonly FlagSpec[]): string {
  const own = spec.flags.map((flag) => [flagText(flag), flag.summary]);
  return lines([
    `Usage: plan ${[spec.name, ...spec.arguments.map(argumentText)].join(' ')} [flags]`,
    '',
    ...spec.details,
    '',
    ...(own.length === 0 ? [] : [...columns(own), '']),
    'Examples:',
    ...columns(spec.examples),
    '',
    'Flags of every command, with the environment variables that set them ("plan help" explains them):',
    ...pairs(globalFlags.map((flag) => [flagText(flag), variableOf(flag) ?? ''])),
  ]);
}

/** `-d, --deployment NAME`. */
function flagText({ name, short, value }: FlagSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function argumentText({ name, required, many }: CommandShape['arguments'][number]): string {
  const text = `${name}${many ? '…' : ''}`;
  return required ? text : `[${text}]`;
}

function pairs(cells: readonly (readonly string[])[]): readonly string[] {
  const half = Math.ceil(cells.length / 2);
  return columns(cells.slice(0, half).map((cell, i) => [...cell, ...(cells[half + i] ?? [])]));
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  return table(rows).map((line) => `  ${line}`);
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
