import type { MachineOutputs, Outputs } from '../../api/outputs.ts';
import type { Command } from '../command-spec.ts';
import { print, printJson } from '../context.ts';
import { givenName, withState } from '../open-here.ts';

export const outputCommand: Command = (context) =>
  withState(context, async (state) => {
    const { flags, args, options } = context;
    const deployment = await state.deployment(givenName(context, undefined));
    const outputs = await deployment.outputs({ of: args[0], reveal: options.flag('reveal') });
    const { attribute, machines } = outputs;
    if (flags.json) printJson(context, document(deployment.name, outputs));
    else if (attribute !== null && machines.length === 1)
      print(context, String(machines[0]?.values[attribute] ?? ''));
    else for (const line of lines(outputs)) print(context, line);
    return 0;
  });

/** `{ format, deployment, services: { web: [{ name, … }] } }`; with an attribute only that, beside the name. */
function document(deployment: string, { attribute, machines }: Outputs): object {
  const services: Record<string, MachineOutputs['values'][]> = {};
  for (const { name, service, values } of machines)
    (services[service] ??= []).push(
      attribute === null ? values : { name, [attribute]: values[attribute] ?? null },
    );
  return { format: 1, deployment, services };
}

/** The key of a line says these already. */
const SAID: ReadonlySet<string> = new Set(['name', 'index', 'service', 'level']);

function lines({ attribute, machines }: Outputs): readonly string[] {
  return machines.flatMap(({ name, values }) =>
    Object.entries(values)
      .filter(([key, value]) => (attribute === null ? !SAID.has(key) && value !== null : key === attribute))
      .map(([key, value]) => `${name}.${key}=${oneLine(value)}`),
  );
}

/** A value with line breaks is quoted as JSON, so that a line stays a line. */
function oneLine(value: string | number | null): string {
  const text = String(value ?? '');
  return /[\r\n]/.test(text) ? JSON.stringify(text) : text;
}
