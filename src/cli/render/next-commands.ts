import type { Context } from '../context.ts';
import { displayPath } from '../../api/display-path.ts';

/** Command lines that can be run next, as they are typed. */
export interface NextCommands {
  readonly up: string;
  readonly down: string;
  readonly repair: string;
  readonly status: string;
  /** The same once more, where that is what goes on with it. */
  readonly again?: string | undefined;
  logs(machine: string): string;
}

/** `plan`: the path of the plan file; null: not known. */
export function nextCommands(
  context: Context,
  {
    deployment,
    plan,
    named,
  }: { readonly deployment: string; readonly plan: string | null; readonly named: boolean },
): NextCommands {
  const { io } = context;
  const where = whereOf(context);
  return {
    up: `plan up ${plan === null ? 'PLAN' : word(displayPath(plan, io.cwd))}${named ? ` --name ${deployment}` : ''}${where}`,
    down: `plan down ${deployment}${where}`,
    repair: `plan repair ${deployment}${where}`,
    status: `plan status ${deployment}${where}`,
    logs: (machine) => `plan logs ${machine} -d ${deployment}${where}`,
  };
}

/** A command line that does this to a deployment. */
export function commandLine(
  context: Context,
  {
    command,
    words,
    deployment,
  }: { readonly command: string; readonly words: readonly string[]; readonly deployment: string },
): string {
  return `plan ${[command, ...words].map(word).join(' ')} -d ${deployment}${whereOf(context)}`;
}

function whereOf({ flags, io }: Context): string {
  if (flags.stateDir === undefined || flags.stateDir === io.env['PLAN_STATE_DIR']) return '';
  return ` --state-dir ${word(flags.stateDir)}`;
}

/** One word of a shell's command line. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
