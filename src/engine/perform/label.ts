import type { FactBody } from '../../fact.ts';
import type { LabelChange, PowerAnswer } from '../../providers/provider.ts';
import { launchMade } from '../desired.ts';
import { knownLabels } from '../known-labels.ts';
import { launchRequest } from '../launch-request.ts';
import type { Cancel, PerformContext } from './context.ts';
import { machineOf } from './context.ts';
import { createGather } from './gather.ts';
import { insist } from './insist.ts';

const ask = createGather<readonly [string, LabelChange], ReadonlyMap<string, PowerAnswer>>();

/**
 * Gives a machine the labels of the plan at its provider, in one call with all others of the same turn. One that cannot
 * have them keeps what is recorded of it, so that it differs from the plan until it can.
 */
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
  const change = [id, { set: labels, remove }] as const;
  const answers = await insist(
    () =>
      ask(
        context.calls(machine.provider),
        change,
        (changes, shared) => provider.label(new Map(changes), shared),
        cancel,
      ),
    { clock: context.wiring.clock, timeout: service.timeouts.launch },
    cancel,
  );
  const answer: PowerAnswer = answers.get(id) ?? { kind: 'cannot', why: 'the provider gave no answer' };
  if (answer.kind !== 'accepted') {
    context.tell({ type: 'warning', message: `Cannot label machine "${name}": ${answer.why}` });
    return [];
  }
  const made = launchMade(service, [name], context).labels ?? {};
  const known = knownLabels(labels, service, context.plan);
  return [{ type: 'machine-labelled', machine: name, generation, made, labels: known }];
}
