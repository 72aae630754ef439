import { gapsIn, indexesOf } from '../../count.ts';
import { formatDuration } from '../../duration.ts';
import type { LevelRecord } from '../../fact.ts';
import type { Machine } from '../../machine.ts';
import { machineName } from '../../machine.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import { countdown } from '../lifetime.ts';
import type { ReportOptions } from './failure-report.ts';
import { alike, countOfRest, failedMachines, listOf, SHOWN_FAILURES } from './failure-report.ts';
import { countOf } from './happening.ts';
import { hang } from './hang.ts';
import { scaledWords } from './scaled-words.ts';
import type { Style } from './style.ts';
import type { Timeline } from './timeline.ts';

/** More ready machines of a service than this are counted, not listed. */
const LISTED_MACHINES = 12;

/** What is ready, by level, with addresses, and where the time went. */
export function readyReport(
  state: DeploymentState,
  timeline: Timeline,
  now: number,
  options: ReportOptions,
): readonly string[] {
  const { style, next } = options;
  const machines = wantedByService(state);
  const levels = state.plan?.levels ?? [];
  const ready = [...machines.values()].flat().filter((machine) => machine.stage === 'ready').length;
  const asked = levels.flatMap(({ services }) => services).reduce((sum, { max }) => sum + max, 0);
  const short = ready < asked ? ` (${asked - ready} fewer than asked for)` : '';
  const took = formatDuration(Math.max(0, now - timeline.startedAt));
  return [
    `${style.good('✔')} ${style.bold(state.name)} is ready in ${took}: ${countOf(levels.length, 'level')}, ${countOf(ready, 'machine')}${short}`,
    ...(state.expiresAt === null || state.expiresAt <= now
      ? []
      : [`  It ${countdown(state.expiresAt, now)}, at ${new Date(state.expiresAt).toISOString()}.`]),
    ...levels.flatMap((level) => ['', `  ${style.bold(level.name)}`, ...readyLines(level, machines)]),
    ...scaledLines(levels),
    ...missingLines(state, options),
    ...timeLines(timeline, style),
    '',
    `Next: ${next.status}`,
    `      ${next.down}`,
  ];
}

function readyLines(
  { services }: LevelRecord,
  machines: ReadonlyMap<string, readonly Machine[]>,
): readonly string[] {
  return services.flatMap(({ name, max }) => {
    const ready = (machines.get(name) ?? []).filter((machine) => machine.stage === 'ready');
    const [first] = ready;
    if (first === undefined) return [`    ${name}  ${max === 0 ? 'no machines asked for' : 'none ready'}`];
    if (ready.length <= LISTED_MACHINES)
      return ready.map((machine) => `    ${machine.name}  ${machine.addresses?.address ?? '-'}`);
    const last = ready.at(-1) ?? first;
    return [
      `    ${name}  ${countOf(ready.length, 'machine')}: ${first.name} ${first.addresses?.address ?? '-'} … ${last.name} ${last.addresses?.address ?? '-'}`,
    ];
  });
}

/** Services that were scaled to something else than their plan says. */
function scaledLines(levels: readonly LevelRecord[]): readonly string[] {
  const lines = levels
    .flatMap(({ services }) => services)
    .flatMap((service) => {
      const { name, min, max, planned } = service;
      if (planned === undefined) return [];
      const without = gapsIn(indexesOf(service)).map((index) => machineName(name, index));
      return [
        `  ${name}: ${countOf(max, 'machine')} (${scaledWords({ planned, count: { min, max }, without })})`,
      ];
    });
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Machines beyond `min` that failed. */
function missingLines(state: DeploymentState, { style, next }: ReportOptions): readonly string[] {
  const failed = alike(failedMachines('up', state));
  if (failed.length === 0) return [];
  return [
    '',
    'Not ready, and not needed:',
    ...failed
      .slice(0, SHOWN_FAILURES)
      .map(
        ({ names, failure }) =>
          `  ${style.bold(listOf(names))}  ${failure.step} failed: ${hang(failure.message, 4)}`,
      ),
    ...(failed.length > SHOWN_FAILURES ? [`  … and ${countOfRest(failed)} more: ${next.status}`] : []),
  ];
}

function timeLines(timeline: Timeline, style: Style): readonly string[] {
  const levels = timeline.levels();
  if (levels.length === 0) return [];
  const width = Math.max(...levels.map(({ name }) => name.length));
  return [
    '',
    'Where the time went:',
    ...levels.map(({ name, took, slowest }) => {
      const slow =
        slowest === null
          ? ''
          : style.dim(`  slowest: ${slowest.step} of ${slowest.machine}, ${formatDuration(slowest.took)}`);
      return `  ${name.padEnd(width)}  ${formatDuration(took).padStart(6)}${slow}`;
    }),
  ];
}

function wantedByService(state: DeploymentState): Map<string, Machine[]> {
  const services = new Map<string, Machine[]>();
  for (const machine of state.machines.values()) {
    if (!machine.wanted) continue;
    const machines = services.get(machine.service);
    if (machines === undefined) services.set(machine.service, [machine]);
    else machines.push(machine);
  }
  for (const machines of services.values()) machines.sort((a, b) => a.index - b.index);
  return services;
}
