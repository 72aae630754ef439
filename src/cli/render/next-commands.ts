import type { Context } from '../context.ts';
import { displayPath } from '../../api/display-path.ts';

/** Command lines that can be run next, as they are typed. */
export interface NextCommands {
  readonly up: string;
  readonly down: string;
  readonly repair: string;
  readonly status: string;
  logs(machine: string): string;
}

/** `plan`: the path of the plan file; null: not known. */
export function nextCommands(
  { flags, io }: Context,
  {
    deployment,
    plan,
    named,
  }: { readonly deployment: string; readonly plan: string | null; readonly named: boolean },
): NextCommands {
  const where =
    flags.stateDir === undefined || flags.stateDir === io.env['PLAN_STATE_DIR']
      ? ''
      : ` --state-dir ${word(flags.stateDir)}`;
  return {
    up: `plan up ${plan === null ? 'PLAN' : word(displayPath(plan, io.cwd))}${named ? ` --name ${deployment}` : ''}${where}`,
    down: `plan down ${deployment}${where}`,
    repair: `plan repair ${deployment}${where}`,
    status: `plan status ${deployment}${where}`,
    logs: (machine) => `plan logs ${machine} -d ${deployment}${where}`,
  };
}

/** One word of a shell's command line. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
