import type { Machine } from '../../machine.ts';
import type { Observation } from '../../providers/provider.ts';
import { secretsAreKnown } from '../secrets.ts';
import type { PerformContext } from './context.ts';

/**
 * What is told of a machine that its provider sees in a state. The lines after a reason's first one may be what programs
 * of the machine printed: they are masked, and left out where that cannot be done.
 */
export function seenText(
  { state, reason }: Pick<Observation, 'state' | 'reason'>,
  machine: Machine | undefined,
  { plan, maskFor }: Pick<PerformContext, 'plan' | 'maskFor'>,
): string {
  const isMasked = machine !== undefined && secretsAreKnown(plan);
  const why = isMasked ? reason : (reason?.split('\n')[0] ?? null);
  const text = `The machine is "${state}" at the provider${why === null ? '' : `: ${why}`}`;
  return machine === undefined ? text : maskFor(machine).text(text);
}
