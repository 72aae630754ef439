import type { Machine } from '../../machine.ts';
import type { Observation } from '../../providers/provider.ts';
import { isOver } from '../expiry-time.ts';
import { secretsAreKnown } from '../secrets.ts';
import type { PerformContext } from './context.ts';

const GONE: ReadonlySet<Observation['state']> = new Set(['terminating', 'terminated', 'unknown']);

/** Providers that end machines themselves give this as the reason. */
const OVER = 'the time of its deployment is over';

/**
 * What is told of a machine that its provider sees in a state. The lines after a reason's first one may be what programs
 * of the machine printed: they are masked, and left out where that cannot be done.
 */
export function seenText(
  { state, reason }: Pick<Observation, 'state' | 'reason'>,
  machine: Machine | undefined,
  { plan, maskFor, journal, wiring }: Pick<PerformContext, 'plan' | 'maskFor' | 'journal' | 'wiring'>,
): string {
  const isMasked = machine !== undefined && secretsAreKnown(plan);
  const why = isMasked ? reason : (reason?.split('\n')[0] ?? null);
  const isExpired = GONE.has(state) && isOver(journal.state, wiring.clock.now()) && why !== OVER;
  const words = [why, isExpired ? OVER : null].filter((one) => one !== null);
  const text = `The machine is "${state}" at the provider${words.length === 0 ? '' : `: ${words.join('; ')}`}`;
  return machine === undefined ? text : maskFor(machine).text(text);
}
