import { declaredProvider, instanceOf, isShared } from '../colocation.ts';
import type { MachineState } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { machineState } from '../state/machine-state.ts';
import { leavingGroup, needsTeardown } from '../state/tally.ts';
import { inLeavingOrder } from './leave.ts';

/** What a `down` would end. */
export interface Departures {
  /** In the order in which they go. */
  readonly levels: readonly { readonly level: string; readonly machines: readonly Departure[] }[];
  /** How many machines stay. */
  readonly staying: number;
}

export interface Departure {
  readonly machine: string;
  readonly service: string;
  readonly state: MachineState;
  readonly provider: string;
  /** Null: there is no instance. */
  readonly id: string | null;
  /** Name of the machine whose instance it shares, or null. */
  readonly host: string | null;
  /** A teardown script runs before it goes. */
  readonly teardown: boolean;
}

/** The machines of these names, and those that share them. */
export function leaversNamed(names: Iterable<string>, { machines }: DeploymentState): ReadonlySet<string> {
  const leavers = new Set(names);
  const instances = new Set<string>();
  for (const name of leavers) {
    const id = machines.get(name)?.id;
    if (id != null) instances.add(id);
  }
  for (const { name, provider, id } of machines.values())
    if (id !== null && isShared(provider) && instances.has(instanceOf(id))) leavers.add(name);
  return leavers;
}

/**
 * What `down` would end: everything, or, with `only`, the machines of these names and those that share them. Asks
 * nobody. `plan`: the one by which machines are torn down; null: they are not.
 */
export function departures(
  state: DeploymentState,
  { plan, only }: { readonly plan: Plan | null; readonly only?: readonly string[] | undefined },
): Departures {
  const named = only === undefined ? null : leaversNamed(only, state);
  const groups = new Map<string, Departure[]>();
  const torn = new Set(
    (plan === null ? [] : servicesOf(plan)).flatMap(({ name, teardown }) =>
      teardown === null ? [] : [name],
    ),
  );
  const hosts = hostsOf(state);
  let staying = 0;
  for (const machine of state.machines.values()) {
    const { name, service, provider, id, stage } = machine;
    if (stage === 'gone' || stage === 'none') continue;
    if (named !== null && !named.has(name)) {
      staying += 1;
      continue;
    }
    const departure: Departure = {
      machine: name,
      service,
      state: machineState(machine),
      provider: declaredProvider(provider),
      id: id === null ? null : instanceOf(id),
      host: id !== null && isShared(provider) ? (hosts.get(instanceOf(id)) ?? null) : null,
      teardown: torn.has(service) && needsTeardown(machine),
    };
    const group = leavingGroup(machine);
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [departure]);
    else known.push(departure);
  }
  const levels = inLeavingOrder(groups.keys(), state).flatMap((group) => {
    const machines = groups.get(group);
    const level = machines === undefined ? undefined : state.machines.get(machines[0]?.machine ?? '')?.level;
    return machines === undefined || level === undefined ? [] : [{ level, machines }];
  });
  return { levels, staying };
}

/** Names of the machines that have an instance of their own, by its id. */
function hostsOf({ machines }: DeploymentState): ReadonlyMap<string, string> {
  const hosts = new Map<string, string>();
  for (const { name, provider, id } of machines.values())
    if (id !== null && !isShared(provider)) hosts.set(id, name);
  return hosts;
}
