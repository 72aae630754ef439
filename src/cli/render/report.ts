import { formatDuration } from '../../duration.ts';
import type { LevelRecord, OperationKind } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import { machineState } from '../../state/machine-state.ts';
import { countOf } from './happening.ts';
import type { NextCommands } from './next-commands.ts';
import type { Style } from './style.ts';
import type { Timeline } from './timeline.ts';

/** More machines than this are counted, not listed. */
const LISTED_MACHINES = 12;
/** More failures than this are counted, not shown. */
const SHOWN_FAILURES = 5;
/** Log lines of every failure but the first. */
const SHORT_TAIL = 5;

export interface ReportOptions {
  readonly style: Style;
  readonly next: NextCommands;
  /** The path of a log as it is shown. */
  logPath(path: string): string;
}

/** What is ready, by level, with addresses, and where the time went. */
export function readyReport(
  state: DeploymentState,
  timeline: Timeline,
  now: number,
  { style, next }: ReportOptions,
): readonly string[] {
  const machines = wantedByService(state);
  const levels = state.plan?.levels ?? [];
  const ready = [...machines.values()].flat().filter((machine) => machine.stage === 'ready').length;
  const asked = levels.flatMap(({ services }) => services).reduce((sum, { max }) => sum + max, 0);
  const short = ready < asked ? ` (${asked - ready} fewer than asked for)` : '';
  const took = formatDuration(Math.max(0, now - timeline.startedAt));
  return [
    `${style.good('✔')} ${style.bold(state.name)} is ready in ${took}: ${countOf(levels.length, 'level')}, ${countOf(ready, 'machine')}${short}`,
    ...levels.flatMap((level) => ['', `  ${style.bold(level.name)}`, ...readyLines(level, machines)]),
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

/** What failed where, what is still there, and the next command to run. */
export function failureReport(
  kind: OperationKind,
  state: DeploymentState,
  { style, next, logPath }: ReportOptions,
): readonly string[] {
  const failed = failedMachines(kind, state);
  const logged = failed.find(({ failure }) => hasLog(failure));
  const total = [...state.machines.values()].filter(({ wanted }) => wanted).length;
  const what = kind === 'up' ? `Cannot bring "${state.name}" up` : `Cannot take "${state.name}" down`;
  const why = failed.length === 0 ? 'see above' : `${failed.length} of ${countOf(total, 'machine')} failed`;
  return [
    `${style.bad('✘')} ${what}: ${why}`,
    ...failed
      .slice(0, SHOWN_FAILURES)
      .flatMap((machine, i) => [
        '',
        ...failureLines(machine, i === 0 ? Infinity : SHORT_TAIL, style, logPath),
      ]),
    ...(failed.length > SHOWN_FAILURES
      ? ['', `  … and ${failed.length - SHOWN_FAILURES} more: ${next.status}`]
      : []),
    '',
    ...leftLines(state),
    `Next: ${kind === 'up' ? next.up : next.down}`,
    ...(logged === undefined ? [] : [`      ${next.logs(logged.name)}`]),
    ...(kind === 'up' ? [`      ${next.down}`] : []),
  ];
}

function hasLog({ step }: Failure): boolean {
  return step === 'bootstrap' || step === 'verify' || step === 'teardown';
}

/** What an interrupted operation leaves behind, and the command that goes on. */
export function interruptedReport(
  kind: OperationKind,
  state: DeploymentState | null,
  { style, next }: ReportOptions,
): readonly string[] {
  return [
    `${style.bad('✘')} Interrupted: what was done so far is recorded`,
    ...(state === null ? [] : leftLines(state)),
    `Next: ${kind === 'up' ? next.up : next.down}`,
    ...(kind === 'up' ? [`      ${next.down}`] : []),
  ];
}

interface FailedMachine {
  readonly name: string;
  readonly failure: Failure;
}

/** In level order; of a `down` only what failed on the way down. */
export function failedMachines(kind: OperationKind, state: DeploymentState): readonly FailedMachine[] {
  const order = new Map((state.plan?.levels ?? []).map(({ name }, i) => [name, i]));
  const placeOf = ({ level }: Machine): number => order.get(level) ?? order.size;
  return [...state.machines.values()]
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .flatMap((machine): readonly FailedMachine[] => {
      const { name, failure } = machine;
      if (failure === null) return [];
      const counts =
        kind === 'down'
          ? failure.step === 'teardown' || failure.step === 'terminate' || machine.gaveUp
          : ['failed', 'lost'].includes(machineState(machine));
      return counts ? [{ name, failure }] : [];
    });
}

function failureLines(
  { name, failure }: FailedMachine,
  tail: number,
  style: Style,
  logPath: (path: string) => string,
): readonly string[] {
  const { step, exitCode, message, logTail } = failure;
  const code = exitCode === null ? '' : ` (exit code ${exitCode})`;
  return [
    `  ${style.bold(name)}  ${step} failed${code}: ${message}`,
    ...logTail.slice(-tail).map((line) => `    ${style.dim('|')} ${line}`),
    ...(failure.logPath === null ? [] : [`    log: ${logPath(failure.logPath)}`]),
  ];
}

function leftLines(state: DeploymentState): readonly string[] {
  const left = [...state.instances.values()];
  if (left.length === 0) return ['Nothing is left running.'];
  const names = [...new Set(left.map(({ machine }) => machine))];
  const shown = names.slice(0, LISTED_MACHINES).join(', ');
  const more = names.length > LISTED_MACHINES ? ` and ${names.length - LISTED_MACHINES} more` : '';
  return [`Still running: ${countOf(left.length, 'machine')} (${shown}${more})`];
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
