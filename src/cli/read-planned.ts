import { PlanProblems } from '../api/plan-problems.ts';
import type { Planned } from '../api/planned.ts';
import type { State } from '../api/state.ts';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';
import { inputsOf, tellWarnings } from './given-inputs.ts';

/** Reads the plan that the first argument names. When it cannot be used its warnings are told. Throws `UsageError`. */
export async function readPlanned(context: Context, state: State): Promise<Planned> {
  const name = deploymentName(context);
  const adopt = context.options.flag('adopt');
  const forceProtected = context.options.flag('force-protected');
  try {
    return await state.plan(context.args[0] ?? '', { name, adopt, forceProtected, ...inputsOf(context) });
  } catch (error) {
    if (error instanceof PlanProblems) tellWarnings(context, error.warnings);
    throw error;
  }
}

/** `--name`, or `-d`; undefined: the plan's own. */
function deploymentName({ options, flags }: Context): string | undefined {
  const name = options.text('name');
  if (name !== undefined && flags.deployment !== undefined && name !== flags.deployment)
    throw new UsageError(`Cannot name the deployment: "${name}" and "${flags.deployment}" are both given`);
  return name ?? flags.deployment;
}
