import type { SelectableMachine, SelectorWords } from '../selector.ts';
import { parseSelector } from '../selector.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { SelectOptions } from '../state/selectable.ts';
import { selectMachines } from '../state/select.ts';

export type { SelectableMachine, SelectorWords } from '../selector.ts';
export type { SelectOptions } from '../state/selectable.ts';

/**
 * Which machines are meant: a term (`web`, `web-0`, `web-*`, `web-0..3`, `@app`, `*`), several of these, terms with
 * labels, states and exclusions, or a function that is asked for each machine.
 */
export type Selector = string | readonly string[] | SelectorWords | ((machine: SelectableMachine) => boolean);

/**
 * The names of the machines that a selector means, in the order of the plan. Throws `UsageError` for a selector that
 * cannot be read, that says nothing, or of which a part matches nothing.
 */
export function select(
  selector: Selector,
  state: DeploymentState,
  options: SelectOptions = {},
): readonly string[] {
  if (typeof selector === 'function') return selectMachines(selector, state, options);
  return selectMachines(parseSelector(wordsOf(selector)), state, options);
}

function wordsOf(selector: Exclude<Selector, (machine: SelectableMachine) => boolean>): SelectorWords {
  if (typeof selector === 'string') return { terms: [selector] };
  return isTerms(selector) ? { terms: selector } : selector;
}

function isTerms(selector: readonly string[] | SelectorWords): selector is readonly string[] {
  return Array.isArray(selector);
}
