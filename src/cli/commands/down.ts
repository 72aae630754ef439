import { down } from '../../engine/down.ts';
import { UsageError } from '../../errors.ts';
import type { Plan } from '../../plan/plan.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import type { Store } from '../../state/store.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { loadDeployment, withStore } from '../deployments.ts';
import { planReader, readRecordedPlan } from '../recorded-plan.ts';
import { planOf } from '../given-inputs.ts';
import type { Task } from '../perform-task.ts';
import { operate } from '../operate.ts';
import { nextCommands } from '../render/next-commands.ts';
import { machinesThere, victimLines } from '../victims.ts';

export const downCommand: Command = (context) =>
  operate(context, 'down', async (cancel) => {
    const targets = await withStore(context, async (store) => {
      const found: { readonly state: DeploymentState; readonly plan: Plan | null }[] = [];
      for (const name of namesOf(context)) {
        const state = await loadDeployment(store, name);
        found.push({ state, plan: await recordedPlan(context, store, state) });
      }
      return found;
    });
    await confirmAll(
      context,
      targets.map(({ state }) => state),
      cancel,
    );
    return targets.map(({ state, plan }) => taskOf(context, state, plan));
  });

function taskOf(context: Context, state: DeploymentState, plan: Plan | null): Task {
  const { name } = state;
  const skipTeardown = context.options.flag('skip-teardown');
  return {
    deployment: name,
    next: nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false }),
    idle: `"${name}" is terminated already: there is nothing to do.`,
    done: `"${name}" is terminated.`,
    perform(wiring, options) {
      const readPlan = planReader(context, wiring.store, name);
      return down(wiring, { deployment: name, plan, skipTeardown, readPlan }, options);
    },
  };
}

/** Every name once; undefined stands for the only deployment. */
function namesOf({ args, flags }: Context): readonly (string | undefined)[] {
  if (args.length === 0) return [flags.deployment];
  if (flags.deployment !== undefined && !args.includes(flags.deployment))
    throw new UsageError(
      `Cannot choose a deployment: "${args.join('", "')}" and "${flags.deployment}" are both given`,
      'Name the deployments once.',
    );
  return [...new Set(args)];
}

/** The plan as the deployment keeps it; null when it is not needed and cannot be used. */
async function recordedPlan(context: Context, store: Store, state: DeploymentState): Promise<Plan | null> {
  if (state.plan === null) return null;
  const skipTeardown = context.options.flag('skip-teardown');
  const need = skipTeardown || machinesThere(state).length === 0 ? 'none' : 'teardown';
  const resolved = await readRecordedPlan(context, store, state, state.plan, need);
  if (skipTeardown) return resolved.plan;
  return planOf(context, { ...resolved, warnings: [] });
}

async function confirmAll(
  context: Context,
  states: readonly DeploymentState[],
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  const there = states
    .map((state) => ({ state, machines: machinesThere(state) }))
    .filter(({ machines }) => machines.length > 0);
  const count = there.reduce((sum, { machines }) => sum + machines.length, 0);
  if (count === 0) return;
  const victims = there.flatMap(({ state, machines }) => [
    `These machines of "${state.name}" would be terminated:`,
    ...victimLines(state, machines),
  ]);
  const what = {
    victims: victims.join('\n'),
    question: `Terminate ${count === 1 ? '1 machine' : `${count} machines`}?`,
  };
  await confirm(context, what, cancel);
}
