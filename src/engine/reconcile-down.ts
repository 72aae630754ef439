import { leave } from './leave.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { nothingToDo, terminations } from './situation.ts';

/** Steps towards nothing, or, with `only`, towards a deployment without the machines of these names. */
export function reconcileDown(situation: Situation, only?: ReadonlySet<string>): Reconciliation {
  const out = nothingToDo();
  const { condemned, instances } = situation.state;
  leave(only ?? 'all', situation, out);
  const isConcerned = (id: string): boolean => only?.has(instances.get(id)?.machine ?? '') ?? true;
  terminations(situation, only === undefined ? condemned : [...condemned].filter(isConcerned), out);
  return out;
}
