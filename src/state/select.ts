import { UsageError } from '../errors.ts';
import type { SelectableMachine, SelectorSpec, SelectorTerm } from '../selector.ts';
import { isEmptySelector } from '../selector.ts';
import { fitsGlob } from '../selector-term.ts';
import type { DeploymentState } from './deployment-state.ts';
import { meetsAll } from './select-labels.ts';
import { isRecorded, noneMeets, noneNamed, noneInState, whatThereIs } from './select-nothing.ts';
import type { SelectOptions } from './selectable.ts';
import { selectableMachines } from './selectable.ts';

/**
 * The names of the machines that a selector means, in the order of the plan. Throws `UsageError` for a part of it that
 * matches nothing and for a selector that says nothing. A deployment without machines has none to select: then only
 * names that it never had are wrong.
 */
export function selectMachines(
  selector: SelectorSpec | ((machine: SelectableMachine) => boolean),
  state: DeploymentState,
  options: SelectOptions = {},
): readonly string[] {
  const machines = selectableMachines(state, options);
  const chosen =
    typeof selector === 'function'
      ? machines.filter((machine) => selector(machine))
      : chosenBy(selector, machines, state);
  if (chosen.length > 0 || machines.length === 0) return chosen.map(({ name }) => name);
  throw new UsageError(
    typeof selector === 'function'
      ? `Cannot select machines: the function fits none of the ${machines.length} there are`
      : 'Cannot select machines: all that are selected are excluded',
  );
}

function chosenBy(
  spec: SelectorSpec,
  machines: readonly SelectableMachine[],
  state: DeploymentState,
): readonly SelectableMachine[] {
  if (isEmptySelector(spec))
    throw new UsageError(
      'Cannot select machines: nothing says which',
      `Name services, machines or levels ("web", "web-0", "@app"), or "*" for all of them. ${whatThereIs(machines, state)}`,
    );
  const find = createFinder(machines);
  const chosen = new Set<SelectableMachine>();
  for (const term of spec.terms) {
    const found = find(term);
    if (found.length === 0 && !(machines.length === 0 && isRecorded(term, state)))
      throw noneNamed(term, machines, state);
    for (const machine of found) chosen.add(machine);
  }
  for (const labels of spec.labels) {
    const found = machines.filter((machine) => meetsAll(machine, labels));
    if (found.length === 0 && machines.length > 0) throw noneMeets(labels, machines);
    for (const machine of found) chosen.add(machine);
  }
  for (const wanted of spec.states) {
    const found = machines.filter((machine) => machine.state === wanted);
    if (found.length === 0 && machines.length > 0) throw noneInState(wanted, machines);
    for (const machine of found) chosen.add(machine);
  }
  for (const term of spec.exclude) {
    const found = find(term);
    // One that is gone already needs no exclusion, but a name that never was is a slip that could cost a machine.
    if (found.length === 0 && !isRecorded(term, state)) throw noneNamed(term, machines, state);
    for (const machine of found) chosen.delete(machine);
  }
  return machines.filter((machine) => chosen.has(machine));
}

/** What a term means among these machines. */
function createFinder(
  machines: readonly SelectableMachine[],
): (term: SelectorTerm) => readonly SelectableMachine[] {
  const byName = new Map(machines.map((machine) => [machine.name, machine]));
  const byService = new Map<string, SelectableMachine[]>();
  for (const machine of machines) {
    const known = byService.get(machine.service);
    if (known === undefined) byService.set(machine.service, [machine]);
    else known.push(machine);
  }
  return (term) => {
    switch (term.kind) {
      case 'all':
        return machines;
      case 'name': {
        const machine = byName.get(term.text);
        return byService.get(term.text) ?? (machine === undefined ? [] : [machine]);
      }
      case 'glob':
        return machines.filter(({ name }) => fitsGlob(name, term.text));
      case 'range':
        return (byService.get(term.service) ?? []).filter(
          ({ index }) => index >= term.from && index <= term.to,
        );
      case 'level':
        return machines.filter(({ level }) => level === term.level);
    }
  };
}
