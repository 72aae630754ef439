import type { ArgumentSpec, CommandShape, Completes, FlagSpec } from '../command-shape.ts';
import type { Command } from '../command-spec.ts';
import { COMPLETION_SCRIPTS } from '../completion-scripts.ts';
import type { Context } from '../context.ts';
import { print } from '../context.ts';
import { GLOBAL_FLAGS } from '../global-flags.ts';
import { withState } from '../open-here.ts';

/** Prints what the last word may become, one candidate per line; nothing where files are meant. Never fails. */
export const completeCommand: Command = async (context) => {
  const words = context.args;
  const current = words.at(-1) ?? '';
  const candidates = await candidatesFor(context, words.slice(0, -1), current);
  for (const candidate of candidates) if (candidate.startsWith(current)) print(context, candidate);
  return 0;
};

async function candidatesFor(
  context: Context,
  before: readonly string[],
  current: string,
): Promise<readonly string[]> {
  // What stands after it is for a command on machines.
  if (before.includes('--')) return [];
  const line = readLine(context.commands, before);
  if (line.awaits !== undefined)
    return line.awaits.choices ?? (await dynamic(context, line, line.awaits.completes));
  if (current.startsWith('-'))
    return line.flags.flatMap(({ name, short }) => [
      `--${name}`,
      ...(short === undefined ? [] : [`-${short}`]),
    ]);
  if (line.operands.length === 0) return commandNames(context);
  const wanted: ArgumentSpec | undefined =
    line.spec?.arguments[line.operands.length - 1] ?? line.spec?.arguments.find(({ many }) => many);
  return await dynamic(context, line, wanted?.completes);
}

interface Line {
  readonly spec: CommandShape | undefined;
  readonly flags: readonly FlagSpec[];
  /** The flag whose value is the word that is being completed. */
  readonly awaits: FlagSpec | undefined;
  /** The command's name and its arguments so far. */
  readonly operands: readonly string[];
  /** Values of flags so far. */
  readonly given: ReadonlyMap<string, string>;
}

function readLine(commands: readonly CommandShape[], words: readonly string[]): Line {
  let spec: CommandShape | undefined;
  let flags: readonly FlagSpec[] = GLOBAL_FLAGS;
  let awaits: FlagSpec | undefined;
  const operands: string[] = [];
  const given = new Map<string, string>();
  for (const word of words) {
    if (awaits !== undefined) {
      given.set(awaits.name, word);
      awaits = undefined;
    } else if (word.startsWith('-')) {
      const flag = flags.find(({ name, short }) => word === `--${name}` || word === `-${short ?? ''}`);
      awaits = flag?.value === undefined ? undefined : flag;
    } else {
      operands.push(word);
      spec ??= commands.find(({ name }) => name === operands[0]);
      flags = [...(spec?.flags ?? []), ...GLOBAL_FLAGS];
    }
  }
  return { spec, flags, awaits, operands, given };
}

async function dynamic(
  context: Context,
  line: Line,
  what: Completes | undefined,
): Promise<readonly string[]> {
  switch (what) {
    case undefined:
    case 'nothing':
    case 'files':
      return [];
    case 'commands':
      return commandNames(context);
    case 'shells':
      return [...COMPLETION_SCRIPTS.keys()];
    case 'deployments':
    case 'machines':
    case 'services':
    case 'selector':
      return recorded(context, line, what);
    default:
      return what satisfies never;
  }
}

function commandNames({ commands }: Context): readonly string[] {
  return commands.filter(({ hidden }) => hidden !== true).map(({ name }) => name);
}

/** Names from the state; none when it cannot be read: a completion has no place for an error. */
async function recorded(
  context: Context,
  line: Line,
  what: 'deployments' | 'machines' | 'services' | 'selector',
): Promise<readonly string[]> {
  const stateDir = line.given.get('state-dir') ?? context.flags.stateDir;
  const deployment = line.given.get('deployment') ?? context.flags.deployment;
  try {
    return await withState({ ...context, flags: { ...context.flags, stateDir } }, async (state) => {
      if (what === 'deployments') return (await state.deployments()).map(({ name }) => name);
      const known = [...(await (await state.deployment(deployment)).state()).machines.values()];
      // What was removed cannot be meant any more.
      const machines = known.filter(({ wanted, stage }) => wanted || stage !== 'gone');
      const names = machines.map(({ name }) => name);
      if (what === 'machines') return names;
      const services = [...new Set(machines.map(({ service }) => service))];
      if (what === 'services') return services;
      return [...services, ...names, ...new Set(machines.map(({ level }) => `@${level}`))];
    });
  } catch {
    return [];
  }
}
