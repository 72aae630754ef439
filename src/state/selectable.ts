import type { Machine } from '../machine.ts';
import type { SelectableMachine } from '../selector.ts';
import type { DeploymentState } from './deployment-state.ts';
import { machineState } from './machine-state.ts';
import { builtIn } from './whereabouts.ts';

export interface SelectOptions {
  /** True: machines that are gone can be selected too, as for waiting until they are. */
  readonly gone?: boolean;
}

/**
 * The machines that can be selected: those that are wanted or there. In the plan's order of levels and services, what
 * the plan no longer has behind it, and by index.
 */
export function selectableMachines(
  state: DeploymentState,
  { gone = false }: SelectOptions = {},
): readonly SelectableMachine[] {
  const rank = createRank(state);
  return [...state.machines.values()]
    .filter(({ stage, wanted }) => (stage === 'gone' ? gone : wanted || stage !== 'none'))
    .map((machine) => ({ machine, ranks: rank(machine) }))
    .sort(
      (a, b) =>
        a.ranks.level - b.ranks.level ||
        a.ranks.service - b.ranks.service ||
        a.machine.index - b.machine.index,
    )
    .map(({ machine }) => selectable(machine));
}

interface Ranks {
  readonly level: number;
  readonly service: number;
}

/** Numbers for levels and services in the plan's order; those that it does not have come last, as they were first met. */
function createRank({ plan }: DeploymentState): (machine: Machine) => Ranks {
  const levels = new Map<string, number>();
  const services = new Map<string, number>();
  const numberOf = (map: Map<string, number>, key: string): number => {
    const known = map.get(key) ?? map.size;
    map.set(key, known);
    return known;
  };
  const ranksOf = (level: string, service: string): Ranks => ({
    level: numberOf(levels, level),
    service: numberOf(services, `${level} ${service}`),
  });
  for (const level of plan?.levels ?? []) {
    numberOf(levels, level.name);
    for (const service of level.services) ranksOf(level.name, service.name);
  }
  return ({ level, service }) => ranksOf(level, service);
}

function selectable(machine: Machine): SelectableMachine {
  const { generation, labels } = machine;
  return {
    ...builtIn(machine),
    state: machineState(machine),
    generation,
    labels,
    outputs: openOutputs(machine),
  };
}

function openOutputs({ outputs }: Machine): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
