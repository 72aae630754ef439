import { UsageError } from '../errors.ts';
import type { FactBody } from '../fact.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Wiring } from './operation.ts';
import { applyOverrides } from './overrides.ts';
import type { RevisionBook } from './revision-book.ts';
import { halfDown } from './plan-record.ts';
import { runOperation } from './run-operation.ts';
import type { Pace } from './tend-goal.ts';
import { inOrder } from './tend-selection.ts';
import type { MachineEnd, TendRequest, TendResult } from './tend.ts';
import { bringUp } from './up.ts';

/**
 * Gives machines another instance each, those that depend on them what that changes, and brings the deployment to its
 * plan with that. As many at the same time as the pace says, else the service's `update`; after the first failure it
 * begins on no other, whatever the pace. Rejects as `repair` does.
 */
export async function replaceMachines(
  wiring: Wiring,
  { plan: kept, readPlan, machines: names, pace }: TendRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<TendResult> {
  const holder = { owner: wiring.owner, operation: 'replace' } as const;
  await using lock = await wiring.store.lock(kept.deployment, holder, {
    timeout: wiring.lockTimeout,
    signal,
  });
  const state = await wiring.store.load(kept.deployment);
  if (state === null) throw new UsageError(`There is no deployment "${kept.deployment}"`);
  const before = new Map(
    [...inOrder(names, state)].flatMap((name): readonly (readonly [string, Machine])[] => {
      const machine = state.machines.get(name);
      return machine !== undefined && isReplaceable(machine) ? [[name, machine]] : [];
    }),
  );
  const services = new Set([...before.values()].map(({ service }) => service));
  const plan = paced(applyOverrides(kept, state.overrides), services, pace);
  let hasFailed = false;
  const after = (facts: readonly FactBody[], book: RevisionBook): readonly FactBody[] => {
    hasFailed ||= facts.some(isFailure);
    if (hasFailed) book.abandon();
    return facts;
  };
  const start = { kind: 'replace', state, plan, readPlan, skipTeardown: false, signal, after } as const;
  const result = await runOperation(wiring, start, async (running) => {
    let [succeeded, worked] = [true, false];
    const waiting = [...before.values()];
    // What had begun to go goes on with that, and is not asked for again.
    await running.journal.commit(halfDown(state));
    while (waiting.length > 0 && !hasFailed && succeeded && !signal.aborted) {
      const turn = waiting.splice(0, pace.serial === true ? 1 : waiting.length);
      running.demand(
        turn.flatMap(({ name, generation }) => {
          const machine = state.machines.get(name);
          const isTheSame = machine?.generation === generation && machine.id !== null;
          if (!isTheSame || machine.stage === 'replacing') return [];
          return [{ machine: name, to: 'replace', cause: 'plan replace' } as const];
        }),
      );
      ({ succeeded } = await bringUp(running, plan));
      worked = true;
    }
    const areMet = endsOf(names, before, state).every(
      ({ became }) => became === 'done' || became === 'absent',
    );
    return { succeeded: succeeded && areMet, worked };
  });
  return { ...result, machines: endsOf(names, before, state) };
}

/** It has an instance that stays, or is still to be launched. */
function isReplaceable({ wanted, stage }: Machine): boolean {
  return wanted && stage !== 'leaving' && stage !== 'gone';
}

/** The plan with the given number of machines at the same time for services whose machines are replaced. */
function paced(plan: Plan, services: ReadonlySet<string>, { maxUnavailable, serial }: Pace): Plan {
  const most = serial === true ? 1 : maxUnavailable;
  if (most === null) return plan;
  return {
    ...plan,
    levels: plan.levels.map((level) => ({
      ...level,
      services: level.services.map((service) =>
        services.has(service.name) ? { ...service, update: { maxUnavailable: most } } : service,
      ),
    })),
  };
}

/** A machine is given up, or an instance that goes lives on. */
function isFailure(fact: FactBody): boolean {
  if (fact.type === 'step-failed' || fact.type === 'launch-refused') return fact.failed.gaveUp;
  if (fact.type === 'launch-answered') return fact.shortfall?.gaveUp === true;
  return fact.type === 'instance-kept';
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
