import { reconcileAsk } from './reconcile-ask.ts';
import { reconcileDown } from './reconcile-down.ts';
import { reconcileTend } from './reconcile-tend.ts';
import { reconcileUp } from './reconcile-up.ts';
import type { Goal, Reconciliation, Situation } from './situation.ts';

/**
 * Which steps may start now? Looking at what was touched answers the same as looking at everything, as long as
 * every change since the last look is in it.
 */
export function reconcile(goal: Goal, situation: Situation): Reconciliation {
  switch (goal.kind) {
    case 'up':
      return reconcileUp(goal.plan, situation);
    case 'ask':
      return reconcileAsk(goal.plan, situation);
    case 'tend':
      return reconcileTend(goal, situation);
    case 'down':
      return reconcileDown(situation, goal.only);
  }
}
