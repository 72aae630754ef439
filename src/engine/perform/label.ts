import type { FactBody } from '../../fact.ts';
import { launchMade } from '../desired.ts';
import { launchRequest } from '../launch-request.ts';
import type { Cancel, PerformContext } from './context.ts';
import { machineOf } from './context.ts';

/** Gives a machine the labels of the plan at its provider. One that cannot have them keeps those that it has. */
export async function label(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { id, generation } = machine;
  if (id === null) throw new Error(`Machine "${name}" has no instance. This is a bug in plan.`);
  const service = context.service(machine.service);
  const { labels } = launchRequest(service, [name], context);
  const remove = Object.keys(machine.made.labels ?? {}).filter((key) => !(key in labels));
  const provider = context.provider(machine.provider);
  const answers = await context
    .calls(machine.provider)
    .run(() => provider.label(new Map([[id, { set: labels, remove }]]), cancel), cancel);
  const answer = answers.get(id);
  if (answer?.kind === 'cannot')
    context.tell({ type: 'warning', message: `Cannot label machine "${name}": ${answer.why}` });
  const made = launchMade(service, [name], context).labels ?? {};
  return [{ type: 'machine-labelled', machine: name, generation, made }];
}
