import type { Prepared } from '../api/deployment.ts';
import type { OperationResult } from '../api/operation.ts';
import type { State } from '../api/state.ts';
import type { Context } from './context.ts';
import { inputsOf } from './given-inputs.ts';
import type { Task } from './perform-task.ts';
import { nextCommands } from './render/next-commands.ts';

/** Reads what the `down` of a deployment needs. Rejects with `UsageError`. */
export async function prepareDown(
  context: Context,
  state: State,
  name: string | undefined,
): Promise<Prepared<OperationResult>> {
  const { options } = context;
  const deployment = await state.deployment(name);
  return await deployment.prepareDown({
    ...inputsOf(context),
    skipTeardown: options.flag('skip-teardown'),
    purge: options.flag('purge'),
  });
}

export function downTask(context: Context, { state, start }: Prepared<OperationResult>): Task {
  const { name } = state;
  const purged = context.options.flag('purge') ? ' Its record, history and logs are removed.' : '';
  return {
    kind: 'down',
    deployment: name,
    next: nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false }),
    idle: `"${name}" is terminated already: there is nothing to do.${purged}`,
    done: `"${name}" is terminated.${purged}`,
    start,
  };
}

/** Takes down what is recorded of a deployment after its `up` failed; null: nothing is. */
export async function downAfterFailure(context: Context, state: State, name: string): Promise<Task | null> {
  const isRecorded = (await state.deployments()).some((deployment) => deployment.name === name);
  return isRecorded ? downTask(context, await prepareDown(context, state, name)) : null;
}
