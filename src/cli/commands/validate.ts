import { formatProblems } from '../../api/plan-problems.ts';
import type { Validation } from '../../api/validate.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson, tell } from '../context.ts';
import { withState } from '../open-here.ts';

/** Checks every plan that is named; exit code 2 when any has a problem. */
export const validateCommand: Command = (context) =>
  withState(context, async (state) => {
    const { flags, args } = context;
    const plans: Validation[] = [];
    for (const path of args) plans.push(await state.validate(path));
    if (flags.json) printJson(context, { format: 1, plans });
    else
      for (const { plan, valid, problems, warnings } of plans) {
        if (!flags.quiet && warnings.length > 0) tell(context, `Warnings:\n${formatProblems(warnings)}`);
        if (problems.length > 0) tell(context, formatProblems(problems));
        if (valid) print(context, `${plan}: ok`);
      }
    return plans.every(({ valid }) => valid) ? 0 : 2;
  });
