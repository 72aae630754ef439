import { leave } from './leave.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { nothingToDo, terminations } from './situation.ts';

/** Steps towards nothing. */
export function reconcileDown(situation: Situation): Reconciliation {
  const out = nothingToDo();
  leave('all', situation, out);
  terminations(situation, situation.state.condemned, out);
  return out;
}
