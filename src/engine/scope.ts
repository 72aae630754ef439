import type { Scalar } from '../json.ts';
import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import type { Attributes, Scope } from '../plan/template.ts';
import { reveal } from '../sensitive.ts';
import { hasBeenReached } from '../state/tally.ts';
import type { Journal } from './journal.ts';
import { builtIn } from '../state/whereabouts.ts';

/** What the templates of each place may read, taken from the live state. */
export interface Scopes {
  /** For image, labels and provider options; `machine` only when one machine is launched a call. */
  launch(service: Service, machine: Machine | null): Scope;
  /** For `ssh`: services of earlier levels. */
  connect(service: Service, machine: Machine): Scope;
  /** For env, files, bootstrap and output values: the own level's built-in attributes, all of `self`. */
  bootstrap(service: Service, machine: Machine): Scope;
  /** For verify and teardown: own outputs too. */
  ready(service: Service, machine: Machine): Scope;
}

export function createScopes(plan: Plan, journal: Pick<Journal, 'state' | 'version'>): Scopes {
  const inputs: Record<string, Scalar> = {};
  for (const [name, { value }] of Object.entries(plan.inputs)) if (value !== undefined) inputs[name] = value;
  const deployment = { name: plan.deployment };
  const levelOf = new Map(
    plan.levels.flatMap(({ index, services }) => services.map(({ name }) => [name, index])),
  );
  const views = new Map<string, { readonly version: number; readonly machines: readonly Attributes[] }>();

  /** The machines of a service in index order, kept until one of them changes. */
  function view(name: string, isOwnLevel: boolean): readonly Attributes[] {
    const key = `${isOwnLevel ? 'own' : 'all'} ${name}`;
    const version = journal.version(name);
    const cached = views.get(key);
    if (cached?.version === version) return cached.machines;
    const machines: Attributes[] = [];
    for (const index of journal.state.tallies.services.get(name)?.indexes ?? []) {
      const machine = journal.state.machines.get(machineName(name, index));
      if (machine === undefined) continue;
      if (isOwnLevel ? hasBeenReached(machine) : machine.stage === 'ready')
        machines.push(isOwnLevel ? builtIn(machine) : { ...builtIn(machine), ...outputsOf(machine) });
    }
    views.set(key, { version, machines });
    return machines;
  }

  function machinesSeenFrom(service: Service): (name: string) => readonly Attributes[] {
    return (name) => view(name, levelOf.get(name) === service.levelIndex);
  }

  return {
    launch: (service, machine) => ({
      inputs,
      deployment,
      self: atLaunch(service, machine),
    }),
    connect: (service, machine) => ({
      inputs,
      deployment,
      self: atLaunch(service, machine),
      machines: machinesSeenFrom(service),
    }),
    bootstrap: (service, machine) => ({
      inputs,
      deployment,
      self: builtIn(machine),
      machines: machinesSeenFrom(service),
    }),
    ready: (service, machine) => ({
      inputs,
      deployment,
      self: { ...builtIn(machine), ...outputsOf(machine) },
      machines: machinesSeenFrom(service),
    }),
  };
}

/** What is known of a machine before it is launched. */
function atLaunch({ name, level }: Service, machine: Machine | null): Attributes {
  return { service: name, level, ...(machine === null ? {} : { name: machine.name, index: machine.index }) };
}

export function outputsOf(machine: Machine): Attributes {
  return Object.fromEntries(Object.entries(machine.outputs).map(([name, value]) => [name, reveal(value)]));
}
