import type { Plan } from '../plan/plan.ts';
import { reconcileUp } from './reconcile-up.ts';
import type { Reconciliation, Situation } from './situation.ts';
import type { Decision, Step } from './step.ts';

/**
 * Of the steps towards what the plan says only those by which providers are asked for machines: the ones that the open
 * level still lacks. What these and others need then is left to the next operation.
 */
export function reconcileAsk(plan: Plan, situation: Situation): Reconciliation {
  const found = reconcileUp(plan, situation);
  return {
    ...found,
    decide: found.decide.filter(endsLaunch),
    start: found.start.filter(isLaunch),
  };
}

function isLaunch({ kind }: Step): boolean {
  return kind === 'request' || kind === 'launch';
}

/** A machine that cannot be had is given up. */
function endsLaunch(decision: Decision): boolean {
  return decision.kind === 'give-up' && decision.failure.step === 'launch';
}
