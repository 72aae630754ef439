import { OperationError, UsageError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import { MASK, isSensitive, reveal as revealed } from '../sensitive.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { builtIn } from '../state/whereabouts.ts';

export interface OutputOptions {
  /** `SERVICE`, `MACHINE`, or one attribute of these: `SERVICE.ATTRIBUTE`. Default: everything. */
  readonly of?: string | undefined;
  /** Tell sensitive values. Default: false, they are `***`. */
  readonly reveal?: boolean | undefined;
}

/** Attributes and outputs of machines. */
export interface Outputs {
  /** The attribute that was asked for; null: all of them. */
  readonly attribute: string | null;
  /** In the plan's order, machines of a service by index. */
  readonly machines: readonly MachineOutputs[];
}

export interface MachineOutputs {
  readonly name: string;
  readonly service: string;
  /** Every attribute and output, whichever was asked for; null where there is none. */
  readonly values: Readonly<Record<string, string | number | null>>;
}

/**
 * Attributes and outputs of the machines that there are. Throws `UsageError` for an unknown name, `OperationError` for
 * a service or machine that is not there now.
 */
export function outputsOf(state: DeploymentState, { of, reveal = false }: OutputOptions): Outputs {
  const [name, attribute = null] = of === undefined ? [] : split(of);
  const there = [...state.machines.values()].filter(({ stage }) => stage !== 'gone' && stage !== 'none');
  const meant =
    name === undefined ? there : there.filter((machine) => machine.service === name || machine.name === name);
  if (name !== undefined && meant.length === 0) throw nothingFound(state, name);
  const machines = inOrder(state, meant).map((machine) => ({
    name: machine.name,
    service: machine.service,
    values: valuesOf(machine, reveal),
  }));
  if (attribute !== null && !machines.some(({ values }) => attribute in values))
    throw unknownAttribute(of ?? '', machines);
  return { attribute, machines };
}

function split(target: string): readonly [string, string?] {
  const dot = target.indexOf('.');
  return dot === -1 ? [target] : [target.slice(0, dot), target.slice(dot + 1)];
}

/** In the plan's order, machines of a service by index. */
function inOrder(state: DeploymentState, machines: readonly Machine[]): readonly Machine[] {
  const services = (state.plan?.levels ?? []).flatMap((level) =>
    level.services.map((service) => service.name),
  );
  const place = new Map(services.map((service, i) => [service, i]));
  const placeOf = ({ service }: Machine): number => place.get(service) ?? services.length;
  return machines.toSorted((a, b) => placeOf(a) - placeOf(b) || a.index - b.index);
}

function nothingFound(state: DeploymentState, name: string): Error {
  const known = new Set([...state.machines.values()].map((machine) => machine.service));
  if (known.has(name) || state.machines.has(name))
    return new OperationError(
      `Cannot tell attributes of "${name}": it has no machine now`,
      `Run "plan status ${state.name}" to see why.`,
    );
  const names = [...known].map((service) => `"${service}"`).join(', ');
  return new UsageError(`Cannot find "${name}": "${state.name}" has ${names === '' ? 'no services' : names}`);
}

function unknownAttribute(target: string, machines: readonly MachineOutputs[]): UsageError {
  const names = [...new Set(machines.flatMap(({ values }) => Object.keys(values)))];
  return new UsageError(
    `Cannot find "${target}": there is no such attribute or output`,
    `There are ${names.map((name) => `"${name}"`).join(', ')}.`,
  );
}

function valuesOf(machine: Machine, isRevealed: boolean): MachineOutputs['values'] {
  const { outputs } = machine;
  const own = Object.entries(outputs).map(([key, value]): [string, string] => [
    key,
    isSensitive(value) && !isRevealed ? MASK : revealed(value),
  ]);
  return {
    ...builtIn(machine),
    ...Object.fromEntries(own),
  };
}
