import type { OperationKind } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import { machineState } from '../../api/deployment-state.ts';
import { countOf } from './happening.ts';
import { hang } from './hang.ts';
import type { NextCommands } from './next-commands.ts';
import type { Style } from './style.ts';

/** More machines than this are counted, not listed. */
const LISTED_MACHINES = 12;
/** More failures than this are counted, not shown. */
export const SHOWN_FAILURES = 5;
/** Log lines of every failure but the first. */
export const SHORT_TAIL = 5;

export interface ReportOptions {
  readonly style: Style;
  readonly next: NextCommands;
  /** The path of a log as it is shown. */
  logPath(path: string): string;
}

/** What failed where, what is still there, and the next command to run. */
export function failureReport(
  kind: OperationKind,
  state: DeploymentState,
  { style, next, logPath }: ReportOptions,
): readonly string[] {
  const failed = failedMachines(kind, state);
  const shown = alike(failed);
  const logged = failed.find(({ failure }) => hasLog(failure));
  const total = [...state.machines.values()].filter(({ wanted }) => wanted).length;
  const what = WHAT[kind](state.name);
  const why = failed.length === 0 ? 'see above' : `${failed.length} of ${countOf(total, 'machine')} failed`;
  return [
    `${style.bad('✘')} ${what}: ${why}`,
    ...shown
      .slice(0, SHOWN_FAILURES)
      .flatMap((machines, i) => [
        '',
        ...failureLines(machines, i === 0 ? Infinity : SHORT_TAIL, style, logPath),
      ]),
    ...(shown.length > SHOWN_FAILURES ? ['', `  … and ${countOfRest(shown)} more: ${next.status}`] : []),
    '',
    ...leftLines(state),
    `Next: ${nextAfter(kind, next)}`,
    ...(logged === undefined ? [] : [`      ${next.logs(logged.name)}`]),
    ...(kind === 'down' ? [] : [`      ${next.down}`]),
  ];
}

const WHAT: Readonly<Record<OperationKind, (name: string) => string>> = {
  up: (name) => `Cannot bring "${name}" up`,
  down: (name) => `Cannot take "${name}" down`,
  repair: (name) => `Cannot repair "${name}"`,
  start: (name) => `Cannot start machines of "${name}"`,
  stop: (name) => `Cannot stop machines of "${name}"`,
  reboot: (name) => `Cannot reboot machines of "${name}"`,
  replace: (name) => `Cannot replace machines of "${name}"`,
  scale: (name) => `Cannot scale "${name}"`,
  extend: (name) => `Cannot tell all machines of "${name}" when they end`,
};

/** The command that goes on with what is recorded. */
function nextAfter(kind: OperationKind, next: ReportOptions['next']): string {
  return next.again ?? (kind === 'down' || kind === 'repair' ? next[kind] : next.up);
}

export function hasLog({ step }: Failure): boolean {
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
    `Next: ${nextAfter(kind, next)}`,
    ...(kind === 'down' ? [] : [`      ${next.down}`]),
  ];
}

export interface FailedMachine {
  readonly name: string;
  readonly failure: Failure;
}

/** In level order; of a `down` only what failed on the way down, and of an `extend`, which touches none, nothing. */
export function failedMachines(kind: OperationKind, state: DeploymentState): readonly FailedMachine[] {
  if (kind === 'extend') return [];
  const order = new Map((state.plan?.levels ?? []).map(({ name }, i) => [name, i]));
  const placeOf = ({ level }: Machine): number => order.get(level) ?? order.size;
  const only = state.operation?.only;
  return [...state.machines.values()]
    .toSorted((a, b) => placeOf(a) - placeOf(b))
    .flatMap((machine): readonly FailedMachine[] => {
      const { name, failure } = machine;
      if (failure === null || (only !== undefined && !only.includes(name))) return [];
      const counts =
        kind === 'down'
          ? failure.step === 'teardown' || failure.step === 'terminate' || machine.gaveUp
          : ['failed', 'lost'].includes(machineState(machine));
      return counts ? [{ name, failure }] : [];
    });
}

/** Machines to which the same happened, without a log to tell more. */
interface FailedAlike {
  readonly names: readonly string[];
  readonly failure: Failure;
}

export function alike(failed: readonly FailedMachine[]): readonly FailedAlike[] {
  const groups = new Map<string, { readonly names: string[]; readonly failure: Failure }>();
  for (const { name, failure } of failed) {
    const { step, exitCode, message, logPath } = failure;
    const key = JSON.stringify([step, exitCode, message, logPath === null ? null : name]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { names: [name], failure });
    else group.names.push(name);
  }
  return [...groups.values()];
}

/** `web-0, web-1`; of many the first and how many more. */
export function listOf(names: readonly string[]): string {
  const more = names.length - LISTED_MACHINES;
  return `${names.slice(0, LISTED_MACHINES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** How many machines are in the groups that are not shown. */
export function countOfRest(groups: readonly FailedAlike[]): number {
  return groups.slice(SHOWN_FAILURES).reduce((sum, { names }) => sum + names.length, 0);
}

export function failureLines(
  { names, failure }: FailedAlike,
  tail: number,
  style: Style,
  logPath: (path: string) => string,
): readonly string[] {
  const { step, exitCode, message, logTail } = failure;
  const code = exitCode === null ? '' : ` (exit code ${exitCode})`;
  return [
    `  ${style.bold(listOf(names))}  ${step} failed${code}: ${hang(message, 4)}`,
    ...logTail.slice(-tail).map((line) => `    ${style.dim('|')} ${line}`),
    ...(failure.logPath === null ? [] : [`    log: ${logPath(failure.logPath)}`]),
  ];
}

function leftLines(state: DeploymentState): readonly string[] {
  const left = [...state.instances.values()];
  if (left.length === 0) return ['Nothing is left running.'];
  const names = [...new Set(left.map(({ machine }) => machine))];
  return [`Still running: ${countOf(left.length, 'machine')} (${listOf(names)})`];
}
