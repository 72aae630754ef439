import { down } from '../engine/down.ts';
import type { Wiring } from '../engine/operation.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { withStore } from './deployments.ts';
import { planOf } from './given-inputs.ts';
import type { Task } from './perform-task.ts';
import { planReader, providersUsed, readRecordedPlan } from './recorded-plan.ts';
import { nextCommands } from './render/next-commands.ts';
import { machinesThere } from './victims.ts';

/** What a `down` is about. */
export interface DownTarget {
  readonly state: DeploymentState;
  /** Null when it is not needed and cannot be used. */
  readonly plan: Plan | null;
}

/** The deployment with its plan as it keeps it. Rejects with `UsageError` when that cannot be used. */
export async function downTarget(
  context: Context,
  store: Store,
  state: DeploymentState,
): Promise<DownTarget> {
  if (state.plan === null) return { state, plan: null };
  const skipTeardown = context.options.flag('skip-teardown');
  const need = skipTeardown || machinesThere(state).length === 0 ? 'none' : 'teardown';
  const providers = providersUsed(state);
  const resolved = await readRecordedPlan(context, store, state, state.plan, { need, providers });
  const isOptional = skipTeardown && providers.every((name) => name === 'local');
  return { state, plan: isOptional ? resolved.plan : planOf(context, { ...resolved, warnings: [] }) };
}

export function downTask(context: Context, { state, plan }: DownTarget): Task {
  const { name } = state;
  const skipTeardown = context.options.flag('skip-teardown');
  const purge = context.options.flag('purge');
  const purged = purge ? ' Its record, history and logs are removed.' : '';
  return {
    kind: 'down',
    deployment: name,
    next: nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false }),
    idle: `"${name}" is terminated already: there is nothing to do.${purged}`,
    done: `"${name}" is terminated.${purged}`,
    async perform(wiring, options) {
      const readPlan = planReader(context, wiring.store, name);
      const result = await down(wiring, { deployment: name, plan, skipTeardown, readPlan }, options);
      if (purge && result.outcome === 'succeeded') await purgeRecord(wiring, name, options);
      else if (purge && result.outcome === 'failed')
        wiring.observe(
          { type: 'warning', message: `"${name}" is not purged: not all went well` },
          result.state,
        );
      return result;
    },
  };
}

async function purgeRecord(
  { store, owner, lockTimeout }: Wiring,
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  await using lock = await store.lock(name, { owner, operation: 'down' }, { timeout: lockTimeout, signal });
  await store.purge(name);
}

/** Takes down what is recorded of a deployment after its `up` failed; null: nothing is. */
export async function downAfterFailure(context: Context, name: string): Promise<Task | null> {
  return await withStore(context, async (store) => {
    const state = await store.load(name);
    return state === null ? null : downTask(context, await downTarget(context, store, state));
  });
}
