import { declaredProvider, instanceOf } from '../../colocation.ts';
import { OperationError, UsageError } from '../../errors.ts';
import type { Machine } from '../../machine.ts';
import { MASK, isSensitive, reveal } from '../../sensitive.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson } from '../context.ts';
import { givenName, loadDeployment, withStore } from '../deployments.ts';

type Values = Readonly<Record<string, string | number | null>>;

export const outputCommand: Command = (context) =>
  withStore(context, async (store) => {
    const { flags, args, options } = context;
    const state = await loadDeployment(store, givenName(context, undefined));
    const { machines, attribute } = select(state, args[0]);
    const shown = machines.map((machine) => ({ machine, values: valuesOf(machine, options.flag('reveal')) }));
    if (attribute !== undefined && !shown.some(({ values }) => attribute in values))
      throw unknownAttribute(
        args[0] ?? '',
        shown.map(({ values }) => values),
      );
    if (flags.json) printJson(context, document(state.name, shown, attribute));
    else if (attribute !== undefined && shown.length === 1)
      print(context, String(shown[0]?.values[attribute] ?? ''));
    else for (const line of lines(shown, attribute)) print(context, line);
    return 0;
  });

/** What `SERVICE[.ATTRIBUTE]` means; a machine's name stands for it alone. */
function select(
  state: DeploymentState,
  target: string | undefined,
): { readonly machines: readonly Machine[]; readonly attribute: string | undefined } {
  const [name, attribute] = target === undefined ? [] : split(target);
  const alive = [...state.machines.values()].filter(({ stage }) => stage !== 'gone' && stage !== 'none');
  const machines =
    name === undefined ? alive : alive.filter((machine) => machine.service === name || machine.name === name);
  if (name !== undefined && machines.length === 0) throw nothingFound(state, name);
  return { machines: inOrder(state, machines), attribute };
}

function split(target: string): readonly [string, string | undefined] {
  const dot = target.indexOf('.');
  return dot === -1 ? [target, undefined] : [target.slice(0, dot), target.slice(dot + 1)];
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

function unknownAttribute(target: string, all: readonly Values[]): UsageError {
  const names = [...new Set(all.flatMap((values) => Object.keys(values)))];
  return new UsageError(
    `Cannot find "${target}": there is no such attribute or output`,
    `There are ${names.map((name) => `"${name}"`).join(', ')}.`,
  );
}

function valuesOf(machine: Machine, revealed: boolean): Values {
  const { name, index, service, level, provider, id, addresses, outputs } = machine;
  const own = Object.entries(outputs).map(([key, value]) => [
    key,
    isSensitive(value) && !revealed ? MASK : reveal(value),
  ]);
  return {
    name,
    index,
    service,
    level,
    provider: declaredProvider(provider),
    id: id === null ? null : instanceOf(id),
    hostname: addresses?.hostname ?? null,
    address: addresses?.address ?? null,
    privateIp: addresses?.privateIp ?? null,
    publicIp: addresses?.publicIp ?? null,
    ...(Object.fromEntries(own) as Values),
  };
}

interface Shown {
  readonly machine: Machine;
  readonly values: Values;
}

/** `{ format, deployment, services: { web: [{ name, … }] } }`; with an attribute only that, beside the name. */
function document(deployment: string, shown: readonly Shown[], attribute: string | undefined): object {
  const services: Record<string, Values[]> = {};
  for (const { machine, values } of shown)
    (services[machine.service] ??= []).push(
      attribute === undefined ? values : { name: machine.name, [attribute]: values[attribute] ?? null },
    );
  return { format: 1, deployment, services };
}

/** The key of a line says these already. */
const SAID: ReadonlySet<string> = new Set(['name', 'index', 'service', 'level']);

function lines(shown: readonly Shown[], attribute: string | undefined): readonly string[] {
  return shown.flatMap(({ machine, values }) =>
    Object.entries(values)
      .filter(([key, value]) =>
        attribute === undefined ? !SAID.has(key) && value !== null : key === attribute,
      )
      .map(([key, value]) => `${machine.name}.${key}=${oneLine(value)}`),
  );
}

/** A value with line breaks is quoted as JSON, so that a line stays a line. */
function oneLine(value: string | number | null): string {
  const text = String(value ?? '');
  return /[\r\n]/.test(text) ? JSON.stringify(text) : text;
}
