import type { DeploymentState } from '../../api/deployment-state.ts';
import { machinesThere } from '../../api/machines-there.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { downTask, prepareDown } from '../down-task.ts';
import { operate } from '../operate.ts';
import { victimLines } from '../victims.ts';

export const downCommand: Command = (context) =>
  operate(context, 'down', async (state, cancel) => {
    const targets: Awaited<ReturnType<typeof prepareDown>>[] = [];
    for (const name of namesOf(context)) targets.push(await prepareDown(context, state, name));
    await confirmAll(
      context,
      targets.map((target) => target.state),
      cancel,
    );
    return targets.map((target) => downTask(context, target));
  });

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

async function confirmAll(
  context: Context,
  states: readonly DeploymentState[],
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  const there = states
    .map((state) => ({ state, machines: machinesThere(state) }))
    .filter(({ machines }) => machines.length > 0);
  const count = there.reduce((sum, { machines }) => sum + machines.length, 0);
  const purged = context.options.flag('purge') ? states.map(({ name }) => name) : [];
  if (count === 0 && purged.length === 0) return;
  const victims = [
    ...there.flatMap(({ state, machines }) => [
      `These machines of "${state.name}" would be terminated:`,
      ...victimLines(state, machines),
    ]),
    ...purged.map((name) => `The record, history and logs of "${name}" would be removed.`),
  ];
  const terminate = count === 1 ? 'Terminate 1 machine' : `Terminate ${count} machines`;
  const question = count === 0 ? 'Purge?' : purged.length === 0 ? `${terminate}?` : `${terminate} and purge?`;
  await confirm(context, { victims: victims.join('\n'), question }, cancel);
}
