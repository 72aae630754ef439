import type { FactBody } from '../fact.ts';
import type { Failure } from '../failure.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { Observation } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { OperationResult, PlanBasis, Wiring } from './operation.ts';
import type { MachineTimes } from './machine-times.ts';
import { createMachineTimes } from './machine-times.ts';
import { applyOverrides } from './overrides.ts';
import { prepare, prepareTeardowns } from './prepare.ts';
import type { PlanReader } from './retired.ts';
import type { Revision } from './revision.ts';
import type { RevisionBook } from './revision-book.ts';
import type { Running } from './run-operation.ts';
import { lockDeployment } from './lock-deployment.ts';
import { runOperation } from './run-operation.ts';
import type { Pace, TendGoal, TendVerb } from './tend-goal.ts';
import { isTendable, roomsFor, servicesByName } from './tend-goal.ts';
import { groupsOf, isTakenAlong, planOf, withCompanions } from './tend-selection.ts';

export interface TendRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly basis?: PlanBasis | null | undefined;
  readonly readPlan: PlanReader;
  /** Names of the machines that it is done to; those that share them are taken along. */
  readonly machines: ReadonlySet<string>;
  readonly pace: Pace;
}

export interface TendResult extends OperationResult {
  /** What became of each, in the order of levels, services and numbers. */
  readonly machines: readonly MachineEnd[];
}

export interface MachineEnd {
  readonly machine: string;
  /**
   * `already`: it was so, and nothing was done. `absent`: it has no instance, or none that stays. `not-reached`: it
   * had no turn, or did not come to its end, because of another one's failure or an interruption.
   */
  readonly became: 'done' | 'already' | 'absent' | 'failed' | 'not-reached';
  /** Null unless it failed. */
  readonly failure: Failure | null;
}

interface Tending extends TendRequest {
  readonly verb: TendVerb;
  readonly teardown: boolean;
}

/** What an operation finds out of its machines. */
interface Findings {
  readonly begun: Set<string>;
  readonly already: Set<string>;
  readonly failures: Map<string, Failure>;
  readonly times: MachineTimes;
}

/** Does the same to some machines of a deployment, and nothing to others. Rejects as `repair` does. */
export async function tend(
  wiring: Wiring,
  { verb, plan: kept, basis, readPlan, machines, teardown, pace }: Tending,
  { signal }: { readonly signal: AbortSignal },
): Promise<TendResult> {
  await using locked = await lockDeployment(wiring, kept.deployment, verb, { signal, basis });
  const { state } = locked;
  const plan = applyOverrides(kept, state.overrides);
  const services = servicesByName(plan);
  const selected = withCompanions(machines, verb, state);
  const there = [...selected].flatMap((name): readonly Machine[] => {
    const machine = state.machines.get(name);
    return machine !== undefined && isTendable(machine) && services.has(machine.service) ? [machine] : [];
  });
  const names = new Set(there.map(({ name }) => name));
  const goal: TendGoal = {
    kind: 'tend',
    verb,
    services,
    groups: groupsOf(there, verb, plan),
    teardown,
    pace,
    rooms: roomsFor(there, pace),
  };
  const times = createMachineTimes(pace.timeout, wiring.clock);
  const findings: Findings = { begun: new Set(), already: new Set(), failures: new Map(), times };
  const start = {
    kind: verb,
    state,
    plan,
    readPlan,
    skipTeardown: !teardown,
    signal,
    after: (facts: readonly FactBody[], book: RevisionBook) => noted(facts, { state, findings, pace, book }),
    timeLeft: times.of,
  } as const;
  const result = await runOperation(wiring, start, async (running) => {
    if (there.length === 0) return { succeeded: true, worked: false };
    const worked = await work(running, goal, there, findings);
    const ends = endsOf(selected, names, verb, state, findings);
    const areMet = ends.every(({ became }) => became !== 'failed' && became !== 'not-reached');
    return { succeeded: areMet && running.setbacks() === 0, worked };
  });
  return { ...result, machines: endsOf(selected, names, verb, state, findings) };
}

async function work(
  running: Running,
  goal: TendGoal,
  there: readonly Machine[],
  findings: Findings,
): Promise<boolean> {
  const { journal } = running;
  await running.providers.open(new Set(there.map(({ provider }) => provider)));
  const machines = there
    .map(({ name }) => journal.state.machines.get(name))
    .filter((one) => one !== undefined);
  const revisions = await revisionsFor(machines, goal, running, findings);
  running.demand(revisions);
  const demanded = new Set(revisions.map(({ machine }) => machine));
  const goingOn = machines.filter(({ name }) => !demanded.has(name) && !findings.already.has(name));
  for (const { name } of goingOn) {
    findings.begun.add(name);
    findings.times.begin(name);
  }
  if (revisions.length === 0 && goingOn.length === 0) return false;
  const plan = planOf(goal, machines, running.context.plan);
  if (goal.verb !== 'stop') await prepare(running, plan);
  else if (goal.teardown) await prepareTeardowns(running, plan);
  await running.converge(goal);
  return true;
}

/** What has to be done to machines; the others are as they should be, or go on from where they stopped. */
async function revisionsFor(
  machines: readonly Machine[],
  goal: TendGoal,
  running: Running,
  { already }: Findings,
): Promise<readonly Revision[]> {
  const all = await Promise.all(
    machines.map(async (machine): Promise<Revision | null> => {
      const { name, stage } = machine;
      const goesOn = !machine.gaveUp && machine.retryAt === null;
      const cause = `plan ${goal.verb}`;
      if (goal.verb === 'stop') {
        if (stage === 'stopping' && goesOn) return null;
        const isOff = stage === 'stopped' && (await seen(machine, running))?.state === 'stopped';
        if (!isOff) return { machine: name, to: 'stop', cause };
        already.add(name);
        return null;
      }
      const isOff = stage === 'stopped' || stage === 'stopping';
      if (goal.verb === 'reboot' && !isOff && !isTakenAlong(machine, goal, running.journal.state))
        return { machine: name, to: 'reboot', cause };
      if (goal.verb === 'start' && stage === 'ready') {
        if ((await seen(machine, running))?.state !== 'running') return { machine: name, to: 'look', cause };
        already.add(name);
        return null;
      }
      // A script that runs is not begun again.
      return machine.running === null || !goesOn ? { machine: name, to: 'look', cause } : null;
    }),
  );
  return all.filter((revision) => revision !== null);
}

/** What its provider says now, with one question for all machines; null: it cannot be asked. */
async function seen({ id, provider }: Machine, { context, signal }: Running): Promise<Observation | null> {
  if (id === null) return null;
  const end = await context.watch(provider).wait(id, { until: () => true, timeout: 0, signal });
  return end.kind === 'seen' ? end.observation : end.last;
}

/** No instance goes here: what would make `up` launch another one is a failure. */
function noted(
  facts: readonly FactBody[],
  {
    state,
    findings: { begun, failures, times },
    pace: { failFast },
    book,
  }: {
    readonly state: DeploymentState;
    readonly findings: Findings;
    readonly pace: Pace;
    readonly book: RevisionBook;
  },
): readonly FactBody[] {
  const condemned = new Set(
    facts.flatMap((fact) => (fact.type === 'instance-condemned' ? [fact.machine] : [])),
  );
  return facts.flatMap((fact): readonly FactBody[] => {
    if (fact.type === 'instance-condemned') return [];
    if (fact.type === 'machine-revised') {
      begun.add(fact.machine);
      times.begin(fact.machine);
    }
    if (fact.type !== 'step-failed') return [fact];
    const gaveUp = fact.failed.gaveUp || condemned.has(fact.machine);
    if (gaveUp) failures.set(fact.machine, fact.failed.failure);
    if (gaveUp && failFast) book.abandon();
    if (fact.failed.failure.reason === 'refused' && state.machines.get(fact.machine)?.stage === 'rebooting')
      return [unrebooted(fact)];
    return [{ ...fact, failed: { ...fact.failed, gaveUp } }];
  });
}

/** What its provider does not reboot runs on, and is looked at as if it had been. */
function unrebooted({ machine, generation }: FactBody & { readonly type: 'step-failed' }): FactBody {
  return { type: 'machine-revised', machine, generation, to: 'connect', cause: 'it cannot be rebooted' };
}

function endsOf(
  selected: ReadonlySet<string>,
  there: ReadonlySet<string>,
  verb: TendVerb,
  { machines }: DeploymentState,
  { begun, already, failures }: Findings,
): readonly MachineEnd[] {
  return [...selected].map((machine): MachineEnd => {
    const failure = failures.get(machine) ?? null;
    if (failure !== null) return { machine, became: 'failed', failure };
    if (!there.has(machine)) return { machine, became: 'absent', failure };
    if (already.has(machine)) return { machine, became: 'already', failure };
    const isThere = machines.get(machine)?.stage === (verb === 'stop' ? 'stopped' : 'ready');
    return { machine, became: isThere && begun.has(machine) ? 'done' : 'not-reached', failure };
  });
}
