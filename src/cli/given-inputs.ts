import type { InputOptions } from '../api/given-inputs.ts';
import type { Problem } from '../api/plan-problems.ts';
import { formatProblems } from '../api/plan-problems.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { jsonOutputs, progressOf } from './render/choose.ts';
import { writeJsonLine } from './render/json.ts';

/** Values of inputs, as they were given on the command line. */
export function inputsOf({ options }: Context): InputOptions {
  return { inputs: options.list('input'), inputFiles: options.list('input-file') };
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
