import type { CommandGroup, CommandShape, FlagSpec } from './command-shape.ts';
import { variableOf } from './global-flags.ts';
import { table } from './table.ts';

/** The help of plan itself. */
export function programHelp(groups: readonly CommandGroup[], globalFlags: readonly FlagSpec[]): string {
  return lines([
    'plan - brings up levels of services, verified machine by machine, and remembers what it did',
    '',
    'Usage: plan <command> [arguments] [flags]',
    '',
    ...groupLines(groups),
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

/** Lines that the help of a command has at most. */
const SCREEN = 24;

/** The help of one command; the flags of every command where there is room for them. */
export function commandHelp(spec: CommandShape, globalFlags: readonly FlagSpec[]): string {
  const own = spec.flags.map((flag) => [flagText(flag), flag.summary]);
  const text = [
    `Usage: plan ${[spec.name, ...spec.arguments.map(argumentText)].join(' ')} [flags]${restText(spec)}`,
    '',
    ...spec.details,
    '',
    ...(own.length === 0 ? [] : [...columns(own), '']),
    'Examples:',
    ...columns(spec.examples),
    '',
  ];
  const inherited = [
    'Flags of every command, with the environment variables that set them ("plan help" explains them):',
    ...pairs(globalFlags.map((flag) => [flagText(flag), variableOf(flag) ?? ''])),
  ];
  const hasRoom = text.length + inherited.length <= SCREEN;
  return lines([...text, ...(hasRoom ? inherited : ['Flags of every command: see "plan help".'])]);
}

function groupLines(groups: readonly CommandGroup[]): readonly string[] {
  const shown = groups.map(({ title, commands }) => ({
    title,
    commands: commands.filter(({ hidden }) => hidden !== true),
  }));
  const rows = columns(shown.flatMap(({ commands }) => commands).map((spec) => [spec.name, spec.summary]));
  const next = rows.values();
  return shown.flatMap(({ title, commands }, i) => [
    ...(i === 0 ? [] : ['']),
    `${title}:`,
    ...commands.map(() => next.next().value ?? ''),
  ]);
}

function restText({ rest }: CommandShape): string {
  if (rest === undefined) return '';
  return rest.required ? ` -- ${rest.name}` : ` [-- ${rest.name}]`;
}

/** `-d, --deployment NAME`. */
function flagText({ name, short, value }: FlagSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function argumentText({ name, required, many }: CommandShape['arguments'][number]): string {
  const text = `${name}${many && !name.includes('…') ? '…' : ''}`;
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
