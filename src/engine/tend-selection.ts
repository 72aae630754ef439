import { instanceOf, isShared } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { guestsOf, leavingGroup } from '../state/tally.ts';
import { tenantsIn } from './colocation-tenants.ts';
import { leaversNamed } from './departures.ts';
import type { TendGoal, TendVerb } from './tend-goal.ts';
import { isTendable } from './tend-goal.ts';

/** It shares a machine that is rebooted. */
export function isTakenAlong(
  { id, provider }: Machine,
  { groups }: TendGoal,
  state: DeploymentState,
): boolean {
  if (id === null || !isShared(provider)) return false;
  const host = state.instances.get(instanceOf(id))?.machine;
  return host !== undefined && groups.some((group) => group.has(host));
}

/** With the machines that share them, because they are on or off with these; one that is to start needs what it shares. */
export function withCompanions(
  machines: ReadonlySet<string>,
  verb: TendVerb,
  state: DeploymentState,
): ReadonlySet<string> {
  const tenants = tenantsIn(state);
  const all = new Set(machines);
  if (verb === 'start')
    for (const name of machines) {
      const { id, provider } = state.machines.get(name) ?? { id: null, provider: '' };
      const host = id === null || !isShared(provider) ? undefined : state.instances.get(instanceOf(id));
      if (host !== undefined) all.add(host.machine);
    }
  for (const name of [...all]) {
    const id = state.machines.get(name)?.id ?? null;
    if (id !== null) for (const guest of tenants.on(id)) all.add(guest.name);
  }
  return inOrder(all, state);
}

/**
 * Names of the machines whose instance is started, stopped, rebooted or given up, of these and those that share them,
 * as status lists them. Those that are on, or off, already as far as is known are not among them.
 */
export function concerned(
  verb: TendVerb | 'replace',
  machines: ReadonlySet<string>,
  state: DeploymentState,
): readonly string[] {
  const all =
    verb === 'replace'
      ? inOrder(leaversNamed(machines, state), state)
      : withCompanions(machines, verb, state);
  return [...all].filter((name) => {
    const machine = state.machines.get(name);
    if (machine === undefined || !machine.wanted || machine.id === null) return false;
    if (verb === 'replace') return machine.stage !== 'leaving' && machine.stage !== 'gone';
    if (!isTendable(machine)) return false;
    return machine.stage !== (verb === 'stop' ? 'stopped' : verb === 'start' ? 'ready' : null);
  });
}

/** Level by level, guests after the machines that they share; the other way round where machines stop. */
export function groupsOf(
  machines: readonly Machine[],
  verb: TendVerb,
  { levels }: Plan,
): readonly ReadonlySet<string>[] {
  const groups = new Map(
    levels.flatMap(({ name }) => [name, guestsOf(name)]).map((group) => [group, new Set<string>()]),
  );
  for (const machine of machines) groups.get(leavingGroup(machine))?.add(machine.name);
  const ordered = [...groups.values()].filter(({ size }) => size > 0);
  return verb === 'stop' ? ordered.reverse() : ordered;
}

/** The plan without the services that no machine is of. */
export function planOf({ services }: TendGoal, machines: readonly Machine[], plan: Plan): Plan {
  const used = new Set(machines.map(({ service }) => service));
  return {
    ...plan,
    levels: plan.levels.map((level) => ({
      ...level,
      services: level.services.filter(({ name }) => used.has(name) && services.has(name)),
    })),
  };
}

/** As status lists them. */
export function inOrder(
  names: ReadonlySet<string>,
  { plan, machines }: DeploymentState,
): ReadonlySet<string> {
  const services = (plan?.levels ?? []).flatMap((level) => level.services.map(({ name }) => name));
  const places = new Map(services.map((name, place) => [name, place]));
  const placeOf = (name: string): number => places.get(machines.get(name)?.service ?? '') ?? services.length;
  const indexOf = (name: string): number => machines.get(name)?.index ?? 0;
  return new Set([...names].sort((a, b) => placeOf(a) - placeOf(b) || indexOf(a) - indexOf(b)));
}
