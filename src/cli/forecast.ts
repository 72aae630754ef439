import type { Difference, Forecast } from '../engine/difference.ts';
import { isForGood } from '../engine/difference.ts';
import { forecast } from '../engine/forecast.ts';
import { retiredPlans } from '../engine/retired.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { Context } from './context.ts';
import { planReader } from './recorded-plan.ts';
import { listed } from './victims.ts';

/** What `up` would do. Reads the store and nothing else. */
export async function foretell(
  context: Context,
  store: Pick<Store, 'load' | 'loadSources' | 'fingerprint'>,
  { plan, state }: { readonly plan: Plan; readonly state: DeploymentState | null },
): Promise<Forecast> {
  if (state === null) return forecast(plan, null, { fingerprint: (text) => text, retired: new Map() });
  const retired = await retiredPlans(
    withoutServicesOf(plan, state),
    plan,
    planReader(context, store, state.name),
  );
  return forecast(plan, state, { fingerprint: (text) => store.fingerprint(text), retired });
}

/** The deployment once its machines of services that the plan does not have are not wanted any more. */
function withoutServicesOf(plan: Plan, state: DeploymentState): DeploymentState {
  const known = new Set(servicesOf(plan).map(({ name }) => name));
  const machines = [...state.machines].map(
    ([name, machine]) =>
      [name, known.has(machine.service) ? machine : { ...machine, wanted: false }] as const,
  );
  return { ...state, machines: new Map(machines) };
}

/** A forecast as people read it: a headline, then the levels in order, machines with the same change on one line. */
export function forecastText(forecast: Forecast): string {
  const { deployment, levels, differences, recordedOnly } = forecast;
  if (differences.length === 0)
    return recordedOnly
      ? 'No differences; recorded only: the plan changed in nothing that a machine is made with'
      : 'No differences';
  const lines = levels.flatMap((level, index) => {
    const ofLevel = differences.filter((one) => one.level === level && !isForGood(one));
    return ofLevel.length === 0
      ? []
      : [`level ${index + 1} of ${levels.length}: ${level}`, ...crowds(ofLevel)];
  });
  const last = differences.filter(isForGood);
  const end =
    last.length === 0 ? [] : [lines.length === 0 ? 'at the end' : 'after every level', ...crowds(last)];
  return [`${deployment}: ${summary(differences)}`, ...lines, ...end].join('\n');
}

/** A difference as programs read it. */
export function differenceDocument({ machine, service, level, action, cause, conditional }: Difference) {
  return { machine, service, level, action, cause, conditional };
}

/** True when something that exists is changed, replaced or terminated, beyond going on from where it stopped. */
export function changesWhatExists({ differences }: Forecast): boolean {
  return differences.some(({ action }) => action !== 'launch' && action !== 'continue');
}

const VERBS: Readonly<Record<Difference['action'], string>> = {
  launch: 'launch',
  continue: 'go on with',
  replace: 'replace',
  connect: 'connect again to',
  bootstrap: 'bootstrap again',
  verify: 'verify again',
  label: 'label again',
  terminate: 'terminate',
};

function summary(differences: readonly Difference[]): string {
  const counts = new Map<Difference['action'], number>();
  for (const { action } of differences) counts.set(action, (counts.get(action) ?? 0) + 1);
  const parts = Object.entries(VERBS).flatMap(([action, verb]) => {
    const count = counts.get(action as Difference['action']);
    return count === undefined ? [] : [`${verb} ${count}`];
  });
  const last = parts.at(-1)?.endsWith(' 1') === true;
  return `would ${parts.join(', ')} ${last ? 'machine' : 'machines'}`;
}

/** One line for all machines of a service to which the same happens for the same reason. */
function crowds(differences: readonly Difference[]): readonly string[] {
  const groups = new Map<string, { readonly one: Difference; readonly names: string[] }>();
  for (const one of differences) {
    const { service, action, cause, conditional, teardown } = one;
    const key = JSON.stringify([service, action, cause, conditional, teardown]);
    const group = groups.get(key) ?? { one, names: [] };
    groups.set(key, group);
    group.names.push(one.machine);
  }
  return [...groups.values()].map(({ one, names }) => {
    const verb = one.teardown ? `tear down and ${VERBS[one.action]}` : VERBS[one.action];
    return `  ${verb} ${listed(names)}: ${one.cause}${one.conditional ? ' (if that makes a difference)' : ''}`;
  });
}
