import type { FleetResult, MachineOutcome, MachineResult } from '../../api/fleet-work.ts';
import { formatDuration, spellDuration } from '../../duration.ts';
import { table } from '../table.ts';
import { ranges } from './ranges.ts';
import type { Style } from './style.ts';

export interface FleetReportOptions<T> {
  readonly style: Style;
  isFailure(value: T): boolean;
  /** Why work that ended counts as failed. */
  words(value: T): string;
  /** The exit code that stands for how it ended; absent: there is no such column. */
  codeOf?(outcome: MachineOutcome<T>): number;
  /** The path of a log as it is shown. */
  path(path: string): string;
}

/** What is told when work was not done on all machines: a table of those, their sum, and where the logs are. */
export function fleetReport<T>(
  { machines, logs }: FleetResult<T>,
  options: FleetReportOptions<T>,
): readonly string[] {
  const { style, isFailure, path } = options;
  const isDone = ({ outcome }: MachineResult<T>): boolean =>
    outcome.kind === 'ended' && !isFailure(outcome.value);
  const skipped = machines.filter(({ outcome }) => outcome.kind === 'skipped');
  const failed = machines.filter((result) => !isDone(result) && result.outcome.kind !== 'skipped');
  const [head, ...rows] = table(tableOf(failed, options));
  const hints = new Set(failed.flatMap(({ outcome }) => whyOf(outcome, options).split('\n').slice(1)));
  const done = machines.length - failed.length - skipped.length;
  return [
    ...(head === undefined || failed.length === 0 ? [] : [style.dim(head), ...rows]),
    ...hints,
    ...notBegun(skipped),
    ...(machines.length < 2 ? [] : [`Done on ${done} of ${machines.length} machines.`]),
    ...logLines(),
  ];

  function logLines(): readonly string[] {
    const [first] = failed;
    if (logs === null || first === undefined) return [];
    return failed.length === 1
      ? [`Its log: ${path(`${logs}/${first.machine}.log`)}`]
      : [`Their logs: ${path(logs)}`];
  }
}

function tableOf<T>(
  results: readonly MachineResult<T>[],
  options: FleetReportOptions<T>,
): readonly (readonly string[])[] {
  const { codeOf } = options;
  return [
    ['MACHINE', ...(codeOf === undefined ? [] : ['CODE']), 'TIME', 'WHY'],
    ...results.map(({ machine, outcome, milliseconds }) => [
      machine,
      ...(codeOf === undefined ? [] : [String(codeOf(outcome))]),
      formatDuration(milliseconds),
      whyOf(outcome, options).split('\n')[0] ?? '',
    ]),
  ];
}

function notBegun<T>(skipped: readonly MachineResult<T>[]): readonly string[] {
  const whys = new Map<string, string[]>();
  for (const { machine, outcome } of skipped) {
    if (outcome.kind !== 'skipped') continue;
    whys.set(outcome.why, [...(whys.get(outcome.why) ?? []), machine]);
  }
  return [...whys].map(([why, names]) => `Not begun on ${ranges(names)}: ${why}.`);
}

/** Why work was not done, in one line or several. */
export function whyOf<T>(
  outcome: MachineOutcome<T>,
  { words }: Pick<FleetReportOptions<T>, 'words'>,
): string {
  switch (outcome.kind) {
    case 'ended':
      return words(outcome.value);
    case 'failed':
    case 'unreachable':
    case 'skipped':
      return outcome.why;
    case 'timed-out':
      return `not done within ${spellDuration(outcome.limit)}`;
    case 'interrupted':
      return 'interrupted';
    default:
      return outcome satisfies never;
  }
}
