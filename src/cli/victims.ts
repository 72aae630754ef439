import type { DeploymentState } from '../api/deployment-state.ts';

/** More machines of a service than this are shown as a range. */
const LISTED = 8;

/** Names by level, the last level first: a level's name and its machines, services of many as a range. */
export function victimLines(state: DeploymentState, names: readonly string[]): readonly string[] {
  const levels = new Map<string, Map<string, string[]>>();
  for (const level of (state.plan?.levels ?? []).toReversed()) levels.set(level.name, new Map());
  for (const name of names) {
    const machine = state.machines.get(name);
    if (machine === undefined) continue;
    const services = levels.get(machine.level) ?? new Map<string, string[]>();
    levels.set(machine.level, services);
    services.set(machine.service, [...(services.get(machine.service) ?? []), name]);
  }
  return [...levels].flatMap(([level, services]) =>
    services.size === 0 ? [] : [`  ${level}: ${[...services.values()].map(listed).join(', ')}`],
  );
}

/** Names, or the first and the last of many. */
export function listed(names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(', ');
  return `${names[0] ?? ''} … ${names.at(-1) ?? ''} (${names.length} machines)`;
}
