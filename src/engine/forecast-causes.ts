import type { Machine, Made, Parts, Stage } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Difference, RevisionAction } from './difference.ts';

/** Why a machine that has no instance is launched. `before`: the deployment as it is; null: there is none. */
export function causeOfLaunch(machine: Machine, before: DeploymentState | null): string {
  if (before?.plan == null) return 'the deployment is new';
  const known = before.machines.get(machine.name);
  const service = before.tallies.services.get(machine.service);
  if (known === undefined || known.stage === 'gone') {
    if (service === undefined) return `service ${machine.service} is new`;
    return known === undefined || !service.indexes.includes(machine.index)
      ? `the count was ${service.max}`
      : 'it was terminated';
  }
  if (known.cause !== null) return known.cause;
  return known.failure === null ? 'it was not launched yet' : `${known.failure.step} failed`;
}

/** Why a machine that is there, and is as the plan says so far, goes on. */
export function causeOfGoingOn({ stage, failure, running }: Machine): string {
  if (failure !== null) return `${failure.step} failed`;
  if (stage === 'stopped') return 'it is stopped';
  return `${running?.step ?? DUE[stage]} is unfinished`;
}

/** The step at which a machine of this stage goes on. */
const DUE: Readonly<Record<Stage, string>> = {
  none: 'launch',
  requested: 'launch',
  launched: 'launch',
  running: 'connect',
  connected: 'bootstrap',
  bootstrapped: 'verify',
  ready: 'verify',
  stopping: 'stop',
  stopped: 'start',
  rebooting: 'reboot',
  replacing: 'replace',
  leaving: 'terminate',
  gone: 'terminate',
};

/** Why a machine is not asked for any more. */
export function causeOfEnd(machine: Machine, plan: Plan): string {
  const service = servicesOf(plan).find(({ name }) => name === machine.service);
  if (service !== undefined) {
    const { count, planned, indexes } = service;
    if (planned === null) return `the count is ${count.max}`;
    return machine.index < (indexes.at(-1) ?? 0) ? 'it was removed' : `the service is scaled to ${count.max}`;
  }
  const hasLevel = plan.levels.some(({ name }) => name === machine.level);
  return hasLevel ? `service ${machine.service} is gone` : `level ${machine.level} is gone`;
}

/** The parts of a machine that a revision is about: what they were, and what they would be. */
export function revisedParts(
  to: RevisionAction,
  { made, running }: Machine,
  desired: Made,
): { readonly before: Parts; readonly after: Parts } {
  switch (to) {
    case 'replace':
      return pair(made.launch, desired.launch);
    case 'connect':
      return pair(made.ssh, desired.ssh);
    case 'bootstrap':
      return pair(running?.step === 'bootstrap' ? running.made : made.bootstrap, desired.bootstrap);
    case 'verify':
      return pair(made.verify, desired.verify);
    case 'label':
      return pair(made.labels, desired.labels);
    default:
      return to satisfies never;
  }
}

function pair(before: Parts | null, after: Parts | null) {
  return { before: before ?? {}, after: after ?? {} };
}

/**
 * What happens to the machines that a change comes from, in words: `db-0, db-1 are replaced`. `happening`: the
 * difference of each, if there is one.
 */
export function upstreamCause(
  machines: readonly string[],
  happening: (machine: string) => Difference | undefined,
): string {
  const groups = new Map<string, string[]>();
  for (const name of machines) {
    const verb = PASSIVE[happening(name)?.action ?? 'continue'];
    groups.set(verb, [...(groups.get(verb) ?? []), name]);
  }
  return [...groups]
    .map(([verb, names]) => `${shortList(names)} ${names.length === 1 ? 'is' : 'are'} ${verb}`)
    .join(', ');
}

/** What is done to a machine, after "is". */
const PASSIVE: Readonly<Record<Difference['action'], string>> = {
  launch: 'launched',
  continue: 'not up yet',
  replace: 'replaced',
  connect: 'connected to again',
  bootstrap: 'bootstrapped again',
  verify: 'verified again',
  label: 'labelled again',
  terminate: 'terminated',
};

const LISTED = 3;

function shortList(names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(', ');
  return `${names[0] ?? ''} … ${names.at(-1) ?? ''} (${names.length} machines)`;
}
