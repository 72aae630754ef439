import type { MachineEnd, TendResult, TendVerb } from '../../api/perform-tend.ts';
import { listed } from '../victims.ts';
import type { FailedMachine, ReportOptions } from './failure-report.ts';
import {
  alike,
  countOfRest,
  failedMachines,
  failureLines,
  hasLog,
  SHORT_TAIL,
  SHOWN_FAILURES,
} from './failure-report.ts';
import { countOf } from './happening.ts';

const DONE = { start: 'started', stop: 'stopped', reboot: 'rebooted', replace: 'replaced' } as const;

/** What became of the machines that something was done to, and the next command to run. */
export function tendReport(
  verb: TendVerb,
  { outcome, state, machines }: TendResult,
  { style, next, logPath }: ReportOptions,
): readonly string[] {
  const done = namesOf(machines, 'done');
  if (outcome === 'succeeded') {
    const headline =
      done.length === 0
        ? `No machine of "${state.name}" is to be ${DONE[verb]}`
        : `${style.good('✔')} ${style.bold(state.name)}: ${DONE[verb]} ${countOf(done.length, 'machine')} (${listed(done)})`;
    return [headline, ...otherLines(verb, machines, [])];
  }
  const failures = [...failedEnds(machines), ...(verb === 'replace' ? failedBeside(machines, state) : [])];
  const shown = alike(failures);
  const logged = failures.find(({ failure }) => hasLog(failure));
  const isStopped = outcome === 'interrupted';
  const own = failedEnds(machines).length;
  const ofAll =
    own === 0 ? 'another machine failed' : `${own} of ${countOf(machines.length, 'machine')} failed`;
  // What a bootstrap starts, and nothing starts at boot, is not there any more.
  const isDown = verb !== 'replace' && failures.some(({ failure }) => failure.step === 'verify');
  const why = failures.length === 0 ? 'see above' : ofAll;
  return [
    isStopped
      ? `${style.bad('✘')} Interrupted: what was done so far is recorded`
      : `${style.bad('✘')} Cannot ${verb} ${done.length === 0 ? '' : 'all '}machines of "${state.name}": ${why}`,
    ...shown
      .slice(0, SHOWN_FAILURES)
      .flatMap((group, i) => ['', ...failureLines(group, i === 0 ? Infinity : SHORT_TAIL, style, logPath)]),
    ...(shown.length > SHOWN_FAILURES ? ['', `  … and ${countOfRest(shown)} more: ${next.status}`] : []),
    '',
    ...(done.length === 0 ? [] : [`  ${DONE[verb]}: ${listed(done)}`]),
    ...otherLines(verb, machines, failures.length === 0 ? [] : failures.map(({ name }) => name)),
    ...(verb === 'replace' && !isStopped && namesOf(machines, 'not-reached').length > 0
      ? ['Nothing more was begun after the first failure.']
      : []),
    `Next: ${next.again ?? next.up}`,
    ...(isDown ? [`      ${next.repair}  (bootstraps again what does not verify)`] : []),
    ...(logged === undefined ? [] : [`      ${next.logs(logged.name)}`]),
    `      ${next.status}`,
  ];
}

/** Failures of those that failed, as they are reported. */
export function failedEnds(machines: readonly MachineEnd[]): readonly FailedMachine[] {
  return machines.flatMap(({ machine, failure }) => (failure === null ? [] : [{ name: machine, failure }]));
}

/** Machines that `replace` brings up, too: those that depend on what is replaced, or were broken before. */
function failedBeside(machines: readonly MachineEnd[], state: TendResult['state']): readonly FailedMachine[] {
  const named = new Set(machines.map(({ machine }) => machine));
  return failedMachines('replace', state).filter(({ name }) => !named.has(name));
}

/** Names of those that did not come to their end. */
export function unfinished(machines: readonly MachineEnd[]): readonly string[] {
  return machines.flatMap(({ machine, became }) =>
    became === 'failed' || became === 'not-reached' ? [machine] : [],
  );
}

function otherLines(
  verb: TendVerb,
  machines: readonly MachineEnd[],
  failed: readonly string[],
): readonly string[] {
  const line = (words: string, names: readonly string[]): readonly string[] =>
    names.length === 0 ? [] : [`  ${words}: ${listed(names)}`];
  return [
    ...line(verb === 'stop' ? 'stopped already' : 'ready already', namesOf(machines, 'already')),
    ...line('without an instance', namesOf(machines, 'absent')),
    ...line('failed', failed),
    ...line(`not ${DONE[verb]}`, namesOf(machines, 'not-reached')),
  ];
}

function namesOf(machines: readonly MachineEnd[], wanted: MachineEnd['became']): readonly string[] {
  return machines.flatMap(({ machine, became }) => (became === wanted ? [machine] : []));
}
