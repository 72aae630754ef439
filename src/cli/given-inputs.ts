import { resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Problem } from '../plan/diagnostic.ts';
import { formatProblems } from '../plan/diagnostic.ts';
import type { GivenInputs, Resolved } from '../plan/load.ts';
import type { Plan } from '../plan/plan.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { jsonOutputs, progressOf } from './render/choose.ts';
import { writeJsonLine } from './render/json.ts';

/** Where the inputs of a command's plan come from. */
export function givenInputs(
  { io, options }: Context,
  recorded: Readonly<Record<string, string>>,
): GivenInputs {
  return {
    flags: options.list('input'),
    files: options.list('input-file').map((file) => resolve(io.cwd, file)),
    recorded,
    env: io.env,
  };
}

/** The plan, its warnings told. Throws `UsageError` with all problems. */
export function planOf(context: Context, { plan, problems, warnings }: Resolved): Plan {
  tellWarnings(context, warnings);
  if (plan !== null) return plan;
  const count = problems.length === 1 ? 'is a problem' : `are ${problems.length} problems`;
  throw new UsageError(
    `${formatProblems(problems)}\nCannot use the plan: there ${count}. Nothing was touched.`,
  );
}

/** Tells a plan's warnings, to programs as events of type `warning`. */
export function tellWarnings(context: Context, warnings: readonly Problem[]): void {
  if (warnings.length === 0) return;
  const at = new Date().toISOString();
  for (const output of jsonOutputs(context))
    for (const { file, line, column, message, suggestion } of warnings)
      writeJsonLine(output, { type: 'warning', at, message, file, line, column, suggestion });
  const progress = progressOf(context);
  if (progress !== 'quiet' && progress !== 'json')
    tell(context, `Warnings:\n${formatProblems(warnings).trimEnd()}`);
}
