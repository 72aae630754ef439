import { resolve } from 'node:path';
import type { Forecast } from '../engine/difference.ts';
import { UsageError } from '../errors.ts';
import type { Problem } from '../plan/diagnostic.ts';
import { fileSources } from '../plan/file-sources.ts';
import { readPlan, resolvePlan } from '../plan/load.ts';
import type { PlanDocument } from '../plan/load.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Context } from './context.ts';
import { displayPath, withStore } from './deployments.ts';
import { foretell } from './forecast.ts';
import { givenInputs, planOf } from './given-inputs.ts';

/** A plan, the deployment that it is for, and what the one would make of the other. */
export interface Planned {
  readonly document: PlanDocument;
  readonly plan: Plan;
  /** Null: there is no such deployment yet. */
  readonly state: DeploymentState | null;
  readonly warnings: readonly Problem[];
  readonly forecast: Forecast;
}

/** Reads the plan that the first argument names, and the state, and changes neither. Throws `UsageError`. */
export async function readPlanned(context: Context): Promise<Planned> {
  const path = resolve(context.io.cwd, context.args[0] ?? '');
  const document = readPlan(path, fileSources());
  const name = deploymentName(context);
  return withStore(context, async (store) => {
    const known = name ?? document.name;
    const state = known === null ? null : await store.load(known);
    const inputs = givenInputs(context, recordedInputs(context, path, state));
    const resolved = resolvePlan(document, { deployment: name, inputs, need: 'all' });
    const warnings = resolved.plan === null ? [] : resolved.warnings;
    const plan = resolved.plan ?? planOf(context, resolved);
    return { document, plan, state, warnings, forecast: await foretell(context, store, { plan, state }) };
  });
}

const NAME = /^[a-z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

/** `--name`, or `-d`; null: the plan's own. */
function deploymentName({ options, flags }: Context): string | null {
  const name = options.text('name');
  if (name !== undefined && flags.deployment !== undefined && name !== flags.deployment)
    throw new UsageError(`Cannot name the deployment: "${name}" and "${flags.deployment}" are both given`);
  const chosen = name ?? flags.deployment;
  if (chosen === undefined) return null;
  if (!NAME.test(chosen) || chosen.length > 40)
    throw new UsageError(
      `Cannot name the deployment "${chosen}": it is not a name`,
      'A name begins with a small letter, goes on with letters, digits and inner dashes, and has at most 40 characters.',
    );
  return chosen;
}

/** What the deployment was given before, by this plan. Refuses to give it to another plan unnoticed. */
function recordedInputs(
  { options, io }: Context,
  path: string,
  state: DeploymentState | null,
): Readonly<Record<string, string>> {
  if (state?.plan == null) return {};
  if (options.flag('adopt') || state.plan.path === path) return state.plan.inputs;
  if (state.instances.size === 0 && state.batches.size === 0) return {};
  throw new UsageError(
    `Cannot apply the plan to "${state.name}": it is live, and "${displayPath(state.plan.path, io.cwd)}" made it`,
    'Add --name for a deployment of its own, or --adopt to take this one over.',
  );
}
