import type { DeploymentState } from '../api/deployment-state.ts';
import type { DownForecast } from '../api/perform-down.ts';
import type { JsonLine } from './render/json.ts';
import { countOf } from './render/happening.ts';
import { listed, victimLines } from './victims.ts';

type Departure = DownForecast['levels'][number]['machines'][number];

/** What a `down` would end as people read it: levels in the order in which they go. */
export function departureText(
  deployment: string,
  { levels, staying, protected: guarded }: DownForecast,
  forced: boolean,
): string {
  const count = levels.reduce((sum, { machines }) => sum + machines.length, 0);
  if (count === 0) return `${deployment}: would terminate nothing`;
  const of = staying === 0 ? '' : `, ${staying} would stay`;
  return [
    `${deployment}: would terminate ${countOf(count, 'machine')}${of}`,
    ...levels.flatMap(({ level, machines }, index) => [
      `${index === 0 ? 'first' : 'then'}: ${level}`,
      ...crowds(machines),
    ]),
    ...(guarded.length === 0 || forced
      ? []
      : [`It would be refused without --force-protected: ${listed(guarded)} are of protected services`]),
  ].join('\n');
}

/** One line for all machines of a service to which the same happens. */
function crowds(machines: readonly Departure[]): readonly string[] {
  const groups = new Map<string, { readonly one: Departure; readonly names: string[] }>();
  for (const one of machines) {
    const key = JSON.stringify([one.service, one.teardown, one.host === null ? null : one.machine]);
    const group = groups.get(key) ?? { one, names: [] };
    groups.set(key, group);
    group.names.push(one.machine);
  }
  return [...groups.values()].map(({ one, names }) => {
    const verb = one.teardown ? 'tear down and terminate' : 'terminate';
    return `  ${verb} ${listed(names)}${one.host === null ? '' : `, on the instance of ${one.host}`}`;
  });
}

/** What a `down` would end as programs read it. */
export function departureDocument(
  deployment: string,
  { levels, staying, protected: guarded }: DownForecast,
): JsonLine {
  return { type: 'departures', deployment, levels, staying, protected: guarded };
}

/** Who goes, by level. */
export function victimText(state: DeploymentState, { levels }: DownForecast): readonly string[] {
  return victimLines(state, names(levels));
}

/** Who goes only because the machine goes whose instance it shares, and how many stay. */
export function stayingLines(deployment: string, { levels, staying }: DownForecast): readonly string[] {
  const going = new Set(names(levels));
  const guests = levels.flatMap(({ machines }) =>
    machines.filter(({ host }) => host !== null && going.has(host)),
  );
  const hosts = [...new Set(guests.flatMap(({ host }) => (host === null ? [] : [host])))];
  return [
    ...(guests.length === 0
      ? []
      : [
          `${listed(guests.map(({ machine }) => machine))} ${guests.length === 1 ? 'shares' : 'share'} the ${
            hosts.length === 1 ? 'instance' : 'instances'
          } of ${listed(hosts)} and ${guests.length === 1 ? 'goes' : 'go'} along.`,
        ]),
    `${countOf(staying, 'machine')} of "${deployment}" ${staying === 1 ? 'stays' : 'stay'}.`,
  ];
}

function names(levels: DownForecast['levels']): readonly string[] {
  return levels.flatMap(({ machines }) => machines.map(({ machine }) => machine));
}
