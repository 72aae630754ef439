import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import type { PerformContext } from './context.ts';

/**
 * A machine that never became reachable: its instance is condemned and its name launched again while the service's
 * `attempts.launch` last; the last one is kept, to be looked at. So is one that was bootstrapped and that its provider
 * still has: what it holds is not thrown away because it cannot be reached.
 */
export function relaunchOrGiveUp(
  machine: Machine,
  failure: Failure,
  { startedAt, context }: { readonly startedAt: number; readonly context: PerformContext },
): readonly FactBody[] {
  const { name, generation } = machine;
  const isDisposable = machine.made.bootstrap === null || failure.reason === 'lost';
  const isLeft = (machine.tries.launch ?? 1) < context.service(machine.service).attempts.launch;
  const again = isDisposable && isLeft;
  const attempt =
    failure.step === 'launch' ? (machine.attempts.launch ?? 1) : (machine.attempts[failure.step] ?? 0) + 1;
  const failed: FactBody = {
    type: 'step-failed',
    machine: name,
    generation,
    step: failure.step,
    attempt,
    startedAt,
    failed: { failure, gaveUp: !again, retryAt: null },
  };
  if (!again) return [failed];
  return [failed, { type: 'instance-condemned', machine: name, generation, cause: failure.message }];
}
