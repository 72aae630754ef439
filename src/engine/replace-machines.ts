import type { FactBody, StepFailure } from '../fact.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Wiring } from './operation.ts';
import { leaversNamed } from './departures.ts';
import type { MachineTimes } from './machine-times.ts';
import { createMachineTimes } from './machine-times.ts';
import { applyOverrides } from './overrides.ts';
import type { RevisionBook } from './revision-book.ts';
import { endedAlone, halfDown } from './plan-record.ts';
import { refuseProtected } from './protect.ts';
import { lockDeployment } from './lock-deployment.ts';
import { runOperation } from './run-operation.ts';
import type { Running } from './run-operation.ts';
import type { Pace } from './tend-goal.ts';
import { roomsFor } from './tend-goal.ts';
import { inOrder } from './tend-selection.ts';
import type { MachineEnd, TendRequest, TendResult } from './tend.ts';
import { bringUp, isUp } from './up.ts';

export interface ReplaceRequest extends TendRequest {
  /** Replace machines of protected services too. */
  readonly forceProtected?: boolean | undefined;
}

/**
 * Gives machines another instance each, those that depend on them what that changes, and brings the deployment to its
 * plan with that. As many at the same time as the pace says, else the service's `update`; after the first failure it
 * begins on no other, whatever the pace. Rejects as `repair` does, and with `UsageError` for protected machines.
 */
export async function replaceMachines(
  wiring: Wiring,
  { plan: kept, basis, readPlan, machines: names, pace, forceProtected = false }: ReplaceRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<TendResult> {
  await using locked = await lockDeployment(wiring, kept.deployment, 'replace', { signal, basis });
  const { state } = locked;
  const before = new Map(replaceable(names, state).map((machine) => [machine.name, machine]));
  if (!forceProtected) refuseReplace(before.keys(), state, kept);
  const plan = paced(applyOverrides(kept, state.overrides), before.values(), pace);
  const times = createMachineTimes(pace.timeout, wiring.clock);
  // What was given up before it began is no failure of its own.
  const aside = new Set([...state.machines.values()].flatMap(({ name, gaveUp }) => (gaveUp ? [name] : [])));
  let hasFailed = false;
  const after = (given: readonly FactBody[], book: RevisionBook): readonly FactBody[] => {
    const facts = given.map((fact) => inTime(fact, times, { state, now: wiring.clock.now() }));
    for (const fact of facts) {
      if (fact.type === 'machine-revised' && fact.to === 'replace' && before.has(fact.machine))
        begin(fact.machine);
      if (fact.type === 'step-succeeded' && fact.step === 'verify') times.end(fact.machine);
    }
    hasFailed ||= facts.some((fact) => isFailure(fact, aside, state));
    if (hasFailed) book.abandon();
    return facts;
  };
  const begin = (name: string): void => {
    times.begin(name);
    aside.delete(name);
  };
  const { of: timeLeft } = times;
  const start = {
    kind: 'replace',
    state,
    plan,
    readPlan,
    skipTeardown: false,
    signal,
    after,
    timeLeft,
    aside,
  } as const;
  const result = await runOperation(wiring, start, async (running) => {
    let [isWhole, worked] = [true, false];
    const waiting = brokenFirst([...before.values()]);
    // What had begun to go goes on with that, and is not asked for again.
    await running.journal.commit(halfDown(state));
    if (before.size > 0) await running.journal.commit(endedAlone(state, plan));
    while (waiting.length > 0 && !hasFailed && !signal.aborted) {
      const turn = waiting.splice(0, pace.serial === true ? 1 : waiting.length);
      running.demand(
        turn.flatMap(({ name, generation }) => {
          const machine = state.machines.get(name);
          const isTheSame = machine?.generation === generation && machine.id !== null;
          if (!isTheSame || machine.stage === 'replacing') {
            begin(name);
            return [];
          }
          return [{ machine: name, to: 'replace', cause: 'plan replace' } as const];
        }),
      );
      isWhole = await goOn(running, plan, worked);
      worked = true;
      const own = new Set(turn.map(({ name }) => name));
      if (!isWhole && endsOf(own, before, state).some(({ became }) => became !== 'done')) break;
    }
    const areMet = endsOf(names, before, state).every(
      ({ became }) => became === 'done' || became === 'absent',
    );
    const isFine = isWhole || (aside.size > 0 && !hasFailed && running.setbacks() === 0);
    return { succeeded: areMet && isFine, worked };
  });
  return { ...result, machines: endsOf(names, before, state) };
}

/** Throws `UsageError` when one of these, or of those that share them, is protected. */
export function refuseReplace(machines: Iterable<string>, state: DeploymentState, plan: Plan): void {
  refuseProtected('replace', leaversNamed(machines, state), { state, plan });
}

/** Those of the machines that have an instance that stays, or are still to be launched, as status lists them. */
export function replaceable(names: ReadonlySet<string>, state: DeploymentState): readonly Machine[] {
  return [...inOrder(names, state)].flatMap((name): readonly Machine[] => {
    const machine = state.machines.get(name);
    if (machine === undefined || !machine.wanted) return [];
    return machine.stage === 'leaving' || machine.stage === 'gone' ? [] : [machine];
  });
}

/** The first turn checks and prepares for all. */
async function goOn(running: Running, plan: Plan, isPrepared: boolean): Promise<boolean> {
  if (!isPrepared) return (await bringUp(running, plan)).succeeded;
  await running.converge({ kind: 'up', plan });
  return isUp(running) && running.setbacks() === 0;
}

/** The plan with the given number of machines at the same time for services whose machines are replaced. */
function paced(plan: Plan, machines: Iterable<Machine>, pace: Pace): Plan {
  const rooms = roomsFor(machines, pace);
  if (rooms.size === 0) return plan;
  return {
    ...plan,
    levels: plan.levels.map((level) => ({
      ...level,
      services: level.services.map((service) => {
        const room = rooms.get(service.name);
        return room === undefined ? service : { ...service, update: { maxUnavailable: room } };
      }),
    })),
  };
}

/** What would be tried again only when a machine's time is over is given up. */
function inTime(
  fact: FactBody,
  times: MachineTimes,
  { state, now }: { readonly state: DeploymentState; readonly now: number },
): FactBody {
  const isLate = (machines: readonly string[], { retryAt }: StepFailure): boolean =>
    retryAt !== null && machines.some((name) => retryAt - now >= (times.of(name)?.left ?? Infinity));
  if (fact.type === 'step-failed' && isLate([fact.machine], fact.failed))
    return { ...fact, failed: { ...fact.failed, gaveUp: true, retryAt: null } };
  if (fact.type !== 'launch-refused') return fact;
  return isLate(namesIn(fact.batch, state), fact.failed)
    ? { ...fact, failed: { ...fact.failed, gaveUp: true, retryAt: null } }
    : fact;
}

/** A machine is given up that is not aside, or an instance that goes lives on. */
function isFailure(fact: FactBody, aside: ReadonlySet<string>, state: DeploymentState): boolean {
  if (fact.type === 'step-failed') return fact.failed.gaveUp && !aside.has(fact.machine);
  if (fact.type === 'launch-refused')
    return fact.failed.gaveUp && namesIn(fact.batch, state).some((name) => !aside.has(name));
  if (fact.type !== 'launch-answered') return fact.type === 'instance-kept';
  const { shortfall, ids, batch } = fact;
  const without = namesIn(batch, state).filter((_name, i) => (ids[i] ?? null) === null);
  return shortfall?.gaveUp === true && without.some((name) => !aside.has(name));
}

function namesIn(batch: number, { batches }: DeploymentState): readonly string[] {
  return (batches.get(batch)?.machines ?? []).map(({ name }) => name);
}

/** Those that are out of order have their turn first. */
function brokenFirst(machines: readonly Machine[]): Machine[] {
  const ready = machines.filter(({ stage }) => stage === 'ready');
  return [...machines.filter(({ stage }) => stage !== 'ready'), ...ready];
}

function endsOf(
  names: ReadonlySet<string>,
  before: ReadonlyMap<string, Machine>,
  state: DeploymentState,
): readonly MachineEnd[] {
  return [...inOrder(names, state)].map((machine): MachineEnd => {
    const was = before.get(machine);
    const is = state.machines.get(machine);
    if (was === undefined || is === undefined) return { machine, became: 'absent', failure: null };
    if (is.gaveUp && is.failure !== null) return { machine, became: 'failed', failure: is.failure };
    const isDone = is.stage === 'ready' && is.generation > was.generation;
    return { machine, became: isDone ? 'done' : 'not-reached', failure: null };
  });
}
