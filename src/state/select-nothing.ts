import { UsageError } from '../errors.ts';
import type { MachineState } from '../machine.ts';
import { MACHINE_STATES, machineName } from '../machine.ts';
import { didYouMean } from '../nearest.ts';
import { SELECTABLE_ATTRIBUTES } from '../selector-label.ts';
import type { LabelSelector, SelectableMachine, SelectorTerm } from '../selector.ts';
import { fitsGlob } from '../selector-term.ts';
import type { DeploymentState } from './deployment-state.ts';
import { meets, valueOf } from './select-labels.ts';

/** True when a term names what the deployment has or had, whether or not a machine is left of it. */
export function isRecorded(term: SelectorTerm, state: DeploymentState): boolean {
  switch (term.kind) {
    case 'all':
      return true;
    case 'name':
      return state.machines.has(term.text) || servicesOf(state).has(term.text);
    case 'glob':
      return [
        ...state.machines.keys(),
        ...[...servicesOf(state)].map((service) => machineName(service, 0)),
      ].some((name) => fitsGlob(name, term.text));
    case 'range': {
      const machines = [...state.machines.values()].filter(({ service }) => service === term.service);
      if (machines.length === 0) return servicesOf(state).has(term.service);
      return machines.some(({ index }) => index >= term.from && index <= term.to);
    }
    case 'level':
      return levelsOf(state).has(term.level);
  }
}

/** A term matches no machine. */
export function noneNamed(
  term: SelectorTerm,
  machines: readonly SelectableMachine[],
  state: DeploymentState,
): UsageError {
  const services = servicesOf(state);
  const cannot = (why: string, hint: string): UsageError =>
    new UsageError(`Cannot select ${JSON.stringify(term.text)}: ${why}`, hint);
  const what = whatThereIs(machines, state);
  switch (term.kind) {
    case 'all':
      return cannot('there are no machines', what);
    case 'level':
      if (levelsOf(state).has(term.level)) return cannot('the level has no machines', what);
      return cannot(
        `deployment "${state.name}" has no level of this name`,
        suggestion(
          term.text,
          [...levelsOf(state)].map((level) => `@${level}`),
          what,
        ),
      );
    case 'glob':
      return cannot('no machine has such a name', what);
    case 'range':
      if (services.has(term.service))
        return cannot(`service "${term.service}" has no such machines`, machinesOf(term.service, machines));
      return cannot(
        `deployment "${state.name}" has no service "${term.service}"`,
        suggestion(term.service, services, what),
      );
    case 'name':
      return cannot(...nameProblem(term.text, machines, state));
  }
}

function nameProblem(
  name: string,
  machines: readonly SelectableMachine[],
  state: DeploymentState,
): readonly [why: string, hint: string] {
  const services = servicesOf(state);
  const what = whatThereIs(machines, state);
  if (services.has(name)) return ['the service has no machines', what];
  if (state.machines.get(name)?.stage === 'gone') return ['the machine is terminated', what];
  const service = /^(.+)-\d+$/.exec(name)?.[1] ?? '';
  if (services.has(service))
    return [`service "${service}" has no such machine`, machinesOf(service, machines)];
  const why = `deployment "${state.name}" has no service or machine of this name`;
  if (levelsOf(state).has(name)) return [why, `A level is selected by "@${name}".`];
  return [why, suggestion(name, [...services, ...machines.map((machine) => machine.name)], what)];
}

/** No machine meets what one `-l` asks for. */
export function noneMeets(labels: LabelSelector, machines: readonly SelectableMachine[]): UsageError {
  const unmet = labels.requirements.find((requirement) =>
    machines.every((machine) => !meets(machine, requirement)),
  );
  return new UsageError(
    `Cannot select ${JSON.stringify(labels.text)}: no machine is like that`,
    unmet === undefined
      ? 'Each part of it is met by some machine, but no machine meets all of them.'
      : valuesOf(unmet.key, machines),
  );
}

/** What values there are of a label or an attribute, or what else there is. */
function valuesOf(key: string, machines: readonly SelectableMachine[]): string {
  const values = new Set(machines.flatMap((machine) => valueOf(machine, key) ?? []));
  if (values.size > 0) return `${JSON.stringify(key)} is ${listed(values, 'or')}.`;
  const keys = new Set(machines.flatMap((machine) => Object.keys(machine.labels)));
  const has =
    keys.size === 0
      ? 'No machine has labels.'
      : `There ${keys.size === 1 ? 'is the label' : 'are the labels'} ${listed(keys, 'and')}.`;
  return `No machine has ${JSON.stringify(key)}. ${suggestion(key, [...keys, ...SELECTABLE_ATTRIBUTES], has)}`;
}

export function noneInState(wanted: MachineState, machines: readonly SelectableMachine[]): UsageError {
  const counts = MACHINE_STATES.flatMap((state) => {
    const count = machines.filter((machine) => machine.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return new UsageError(
    `Cannot select by state "${wanted}": no machine is in it`,
    `Of the machines, ${listed(counts, 'and')}.`,
  );
}

function servicesOf({ plan, machines }: DeploymentState): ReadonlySet<string> {
  const planned = (plan?.levels ?? []).flatMap(({ services }) => services.map(({ name }) => name));
  return new Set([...planned, ...[...machines.values()].map(({ service }) => service)]);
}

function levelsOf({ plan, machines }: DeploymentState): ReadonlySet<string> {
  const planned = (plan?.levels ?? []).map(({ name }) => name);
  return new Set([...planned, ...[...machines.values()].map(({ level }) => level)]);
}

function suggestion(word: string, candidates: Iterable<string>, otherwise: string): string {
  const near = didYouMean(word, candidates);
  return near === null ? otherwise : `${near} ${otherwise}`;
}

/** Names of services and levels. */
export function whatThereIs(machines: readonly SelectableMachine[], state: DeploymentState): string {
  if (machines.length === 0) return `Deployment "${state.name}" has no machines.`;
  const services = new Set(machines.map(({ service }) => service));
  const levels = new Set(machines.map(({ level }) => `@${level}`));
  const each = (noun: string, words: ReadonlySet<string>): string =>
    `the ${noun}${words.size === 1 ? '' : 's'} ${listed(words, 'and')}`;
  const are = services.size === 1 ? 'is' : 'are';
  return `There ${are} ${each('service', services)} and ${each('level', levels)}.`;
}

function machinesOf(service: string, machines: readonly SelectableMachine[]): string {
  const names = machines.filter((machine) => machine.service === service).map(({ name }) => name);
  return names.length === 0
    ? `Service "${service}" has no machines.`
    : `Service "${service}" has ${listed(names, 'and')}.`;
}

/** `a, b and c`; the middle of a long list is left out. */
function listed(words: Iterable<string>, last: 'and' | 'or'): string {
  const all = [...words];
  const shown = all.length > 8 ? [...all.slice(0, 3), `${all.length - 4} more`, ...all.slice(-1)] : all;
  return shown.length < 2
    ? (shown[0] ?? '')
    : `${shown.slice(0, -1).join(', ')} ${last} ${shown.at(-1) ?? ''}`;
}
