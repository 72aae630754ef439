import { resolve } from 'node:path';
import { up } from '../../engine/up.ts';
import { UsageError } from '../../errors.ts';
import type { Problem } from '../../plan/diagnostic.ts';
import { fileSources } from '../../plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../plan/load.ts';
import type { PlanDocument } from '../../plan/load.ts';
import type { Plan } from '../../plan/plan.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { displayPath, withStore } from '../deployments.ts';
import { printForecast } from '../forecast.ts';
import { downAfterFailure } from '../down-task.ts';
import { givenInputs, planOf, tellWarnings } from '../given-inputs.ts';
import { operate } from '../operate.ts';
import { planReader } from '../recorded-plan.ts';
import { nextCommands } from '../render/next-commands.ts';
import { machinesDropped, victimLines } from '../victims.ts';

export const upCommand: Command = async (context) => {
  if (context.options.flag('dry-run')) {
    const { plan, state, warnings } = await readAll(context);
    printForecast(context, plan, { state, warnings });
    return 0;
  }
  return operate(context, 'up', async (cancel) => {
    const { plan, state, document, warnings } = await readAll(context);
    tellWarnings(context, warnings);
    await confirmDropped(context, { plan, state }, cancel);
    const named = plan.deployment !== document.name;
    return [
      {
        kind: 'up',
        deployment: plan.deployment,
        next: nextCommands(context, { deployment: plan.deployment, plan: plan.path, named }),
        idle: `"${plan.deployment}" is ready: there is nothing to do.`,
        done: null,
        perform(wiring, options) {
          const readPlan = planReader(context, wiring.store, plan.deployment);
          return up(wiring, { plan, adopt: context.options.flag('adopt'), readPlan }, options);
        },
        ...(context.options.text('on-failure') === 'down'
          ? { recover: () => downAfterFailure(context, plan.deployment) }
          : {}),
      },
    ];
  });
};

interface Read {
  readonly document: PlanDocument;
  readonly plan: Plan;
  /** Null: there is no such deployment yet. */
  readonly state: DeploymentState | null;
  readonly warnings: readonly Problem[];
}

async function readAll(context: Context): Promise<Read> {
  const path = resolve(context.io.cwd, context.args[0] ?? '');
  const document = readPlan(path, fileSources());
  const name = deploymentName(context);
  const state = await withStore(context, async (store) => {
    const known = name ?? document.name;
    return known === null ? null : await store.load(known);
  });
  const inputs = givenInputs(context, recordedInputs(context, path, state));
  const resolved = resolvePlan(document, { deployment: name, inputs, need: 'all' });
  if (resolved.plan === null) return { document, plan: planOf(context, resolved), state, warnings: [] };
  return { document, plan: resolved.plan, state, warnings: resolved.warnings };
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
    `Cannot bring "${state.name}" up: it is live, and "${displayPath(state.plan.path, io.cwd)}" made it`,
    'Add --name for a deployment of its own, or --adopt to take this one over.',
  );
}

async function confirmDropped(
  context: Context,
  { plan, state }: Pick<Read, 'plan' | 'state'>,
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  if (state === null) return;
  const dropped = machinesDropped(state, plan);
  if (dropped.length === 0) return;
  const what = {
    victims: [
      `The plan does not ask for these machines of "${state.name}" any more; they would be terminated:`,
      ...victimLines(state, dropped),
    ].join('\n'),
    question: `Terminate ${dropped.length === 1 ? 'it' : `these ${dropped.length}`}?`,
  };
  await confirm(context, what, cancel);
}
