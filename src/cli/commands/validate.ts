import { resolve } from 'node:path';
import { formatProblems } from '../../plan/diagnostic.ts';
import type { Problem } from '../../plan/diagnostic.ts';
import { fileSources } from '../../plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../plan/load.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson, tell } from '../context.ts';

interface Validated {
  readonly plan: string;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Checks every plan that is named; exit code 2 when any has a problem. */
export const validateCommand: Command = (context) => {
  const { io, flags, args } = context;
  const sources = fileSources();
  const plans = args.map((plan): Validated => {
    const document = readPlan(resolve(io.cwd, plan), sources);
    const inputs = { flags: [], files: [], recorded: {}, env: io.env };
    const { problems, warnings } = resolvePlan(document, { deployment: null, inputs, need: 'none' });
    return { plan, valid: problems.length === 0, problems, warnings };
  });
  if (flags.json) printJson(context, { format: 1, plans });
  else
    for (const validated of plans) {
      const { plan, valid, problems, warnings } = validated;
      if (!flags.quiet && warnings.length > 0) tell(context, `Warnings:\n${formatProblems(warnings)}`);
      if (problems.length > 0) tell(context, formatProblems(problems));
      if (valid) print(context, `${plan}: ok`);
    }
  return Promise.resolve(plans.every(({ valid }) => valid) ? 0 : 2);
};
