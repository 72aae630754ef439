import type { Difference, Forecast } from '../api/forecast.ts';
import { isForGood } from '../api/forecast.ts';
import { scaledWords } from './render/scaled-words.ts';
import { listed } from './victims.ts';

/** A forecast as people read it: a headline, then the levels in order, machines with the same change on one line. */
export function forecastText(forecast: Forecast): string {
  const { deployment, levels, differences, recordedOnly } = forecast;
  const scaled = forecast.overrides.map(
    ({ service, ...scaling }) => `${service}: ${countText(scaling.count)} (${scaledWords(scaling)})`,
  );
  if (differences.length === 0) {
    const none = recordedOnly
      ? 'No differences; recorded only: the plan changed in nothing that a machine is made with'
      : 'No differences';
    return [none, ...scaled].join('\n');
  }
  const lines = levels.flatMap((level, index) => {
    const ofLevel = differences.filter((one) => one.level === level && !isForGood(one));
    return ofLevel.length === 0
      ? []
      : [`level ${index + 1} of ${levels.length}: ${level}`, ...crowds(ofLevel)];
  });
  const last = differences.filter(isForGood);
  const end =
    last.length === 0 ? [] : [lines.length === 0 ? 'at the end' : 'after every level', ...crowds(last)];
  return [`${deployment}: ${summary(differences)}`, ...scaled, ...lines, ...end].join('\n');
}

function countText({ min, max }: { readonly min: number; readonly max: number }): string {
  const machines = max === 1 ? '1 machine' : `${max} machines`;
  return min === max ? machines : `${machines}, at least ${min}`;
}

/** A forecast as programs read it. */
export function forecastDocument({ deployment, overrides, differences }: Forecast) {
  return { type: 'forecast', deployment, overrides, differences: differences.map(differenceDocument) };
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
