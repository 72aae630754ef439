import { setMaxListeners } from 'node:events';
import type { FactBody, OperationKind, Outcome } from '../fact.ts';
import type { Machine } from '../machine.ts';
import type { TimeLeft } from './machine-times.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { factsOf } from './decide.ts';
import { converge } from './engine.ts';
import type { Journal } from './journal.ts';
import { createJournal } from './journal.ts';
import type { OperationResult, Wiring } from './operation.ts';
import { createContexts } from './contexts.ts';
import { createDesired } from './desired.ts';
import { refuseOver } from './expiry-time.ts';
import { createHealer } from './heal.ts';
import type { RevisionBook } from './revision-book.ts';
import { createRevisionBook } from './revision-book.ts';
import type { Revision } from './revision.ts';
import { revisionOf } from './revision.ts';
import { brokenFirst } from './revise.ts';
import type { PlanReader } from './retired.ts';
import { readOnce, retiredPlans } from './retired.ts';
import type { PerformContext } from './perform/context.ts';
import { perform } from './perform/perform.ts';
import type { Providers } from './providers.ts';
import { olderPlans } from './older-plans.ts';
import { openProviders } from './providers.ts';
import { reconcile } from './reconcile.ts';
import type { Goal } from './situation.ts';

/** One operation under way: it holds the deployment's lock and has recorded its start. */
export interface Running {
  readonly journal: Journal;
  readonly providers: Providers;
  readonly context: PerformContext;
  readonly signal: AbortSignal;
  /** Failures of teardown and termination that were recorded so far. */
  readonly setbacks: () => number;
  /** True when every machine was compared with the plan and is as it says. */
  isRevised(): boolean;
  /** These are done when it is their turn, beside what the plan makes necessary. */
  demand(revisions: readonly Revision[]): void;
  /** True when there is a step that may start now. */
  hasWork(goal: Goal): boolean;
  converge(goal: Goal): Promise<void>;
}

export interface OperationStart {
  readonly kind: OperationKind;
  readonly state: DeploymentState;
  readonly plan: Plan;
  /** Reads the plans that say how machines go which the plan does not have a service or a provider for. */
  readonly readPlan: PlanReader;
  readonly skipTeardown: boolean;
  readonly signal: AbortSignal;
  /** Shown the facts in which a step ended, or that were decided on, and answers those that are recorded. */
  readonly after?: (facts: readonly FactBody[], revisions: RevisionBook) => readonly FactBody[];
  /** What is left of the time that it may take on a machine; default: there is no limit. */
  readonly timeLeft?: (machine: string) => TimeLeft | null;
  /** Machines that were given up before and are none of its own: they keep no other from its turn. */
  readonly aside?: ReadonlySet<string>;
  /** Names of the machines that it ends; default: all, or it ends none in particular. */
  readonly only?: ReadonlySet<string> | undefined;
}

/**
 * Records the start of an operation, does its work, and records how it ended: as interrupted when the signal aborted,
 * as failed when `work` rejects. `work` answers whether the goal is met and whether anything was done for it. Rejects
 * with `UsageError` when the time of the deployment is over and machines would only end again.
 */
export async function runOperation(
  wiring: Wiring,
  {
    kind,
    state,
    plan,
    readPlan,
    skipTeardown,
    signal,
    after = (facts) => facts,
    timeLeft = () => null,
    aside = new Set(),
    only,
  }: OperationStart,
  work: (running: Running) => Promise<{ readonly succeeded: boolean; readonly worked: boolean }>,
): Promise<OperationResult> {
  setMaxListeners(0, signal);
  refuseOver(kind, state, wiring.clock.now());
  const read = readOnce(readPlan);
  const retired = skipTeardown ? new Map<string, Plan>() : await retiredPlans(state, plan, read);
  const older = await olderPlans(state, plan, read);
  let setbacks = 0;
  const journal = createJournal({
    state,
    store: wiring.store,
    clock: wiring.clock,
    onRecorded: (fact) => {
      const isSetback =
        fact.type === 'step-failed' && (fact.step === 'teardown' || fact.step === 'terminate');
      if (isSetback || fact.type === 'instance-kept') setbacks += 1;
      wiring.observe({ type: 'fact', fact }, state);
    },
  });
  const id = (state.operation?.id ?? 0) + 1;
  const startedAt = wiring.clock.now();
  const { owner } = wiring;
  const operation = {
    id,
    kind,
    owner,
    ...(only === undefined ? {} : { only: [...only] }),
    planDigest: plan.digest,
    startedAt,
    endedAt: null,
    outcome: null,
  };
  await journal.commit([{ type: 'operation-started', operation }]);

  const providers = openProviders(wiring, plan, { olderPlans: older, places: state.scopes, state });
  const contexts = createContexts({
    wiring,
    plan,
    retired,
    journal,
    providers,
    leavesThings: skipTeardown,
    timeLeft,
  });
  const context = contexts.main;
  const hasTeardown = (machine: Machine): boolean =>
    !skipTeardown && machine.stage !== 'stopped' && contexts.serviceOf(machine)?.teardown != null;
  const desired = createDesired(context);
  const isDoubted = ({ service }: Machine): boolean => kind === 'repair' && revisions.unseen.has(service);
  const revise = (machine: Machine): Revision | null => {
    const service = contexts.serviceOf(machine);
    if (service === undefined || !machine.wanted) return null;
    return revisionOf(machine, desired(machine, service)) ?? (isDoubted(machine) ? doubt(machine) : null);
  };
  const healer = kind === 'repair' ? createHealer(state, contexts.serviceOf) : null;
  const revisions = createRevisionBook(plan, { aside });
  const running: Running = {
    journal,
    providers,
    context,
    signal,
    setbacks: () => setbacks,
    hasWork(goal) {
      for (;;) {
        const { seen, decide, start, wakeAt } = reconcile(goal, {
          state,
          look: { kind: 'all' },
          busy: new Set(),
          now: wiring.clock.now(),
          batchLimit: () => Infinity,
          hasTeardown,
          revise,
          revisions,
        });
        if (decide.length > 0 || start.length > 0 || wakeAt !== null) return true;
        if (seen.length === 0) return false;
        for (const one of seen) revisions.note(one.service, one.revisions);
      }
    },
    demand(demanded) {
      const serviceOf = ({ machine }: Revision): string => state.machines.get(machine)?.service ?? '';
      for (const service of new Set(demanded.map(serviceOf)))
        revisions.note(
          service,
          brokenFirst(
            demanded.filter((revision) => serviceOf(revision) === service),
            state,
          ),
        );
    },
    isRevised: () => revisions.unseen.size + revisions.pending.size + revisions.recheck.size === 0,
    async converge(goal) {
      await converge({
        goal,
        journal,
        clock: wiring.clock,
        signal,
        situation: { batchLimit: (provider) => providers.get(provider).batchLimit, hasTeardown, revise },
        revisions,
        decide(decision) {
          if (decision.kind === 'skip' && decision.step === 'teardown') tellOfStopped(decision.machines);
          return after(factsOf(decision, context), revisions);
        },
        async perform(step, cancel) {
          const facts = await perform(step, contexts.of(step), cancel);
          return after(healer === null ? facts : healer.after(facts), revisions);
        },
      });
    },
  };

  function tellOfStopped(names: readonly string[]): void {
    for (const machine of names.flatMap((name) => state.machines.get(name) ?? [])) {
      if (skipTeardown || machine.stage !== 'stopped' || contexts.serviceOf(machine)?.teardown == null)
        continue;
      context.tell({ type: 'warning', message: `Machine "${machine.name}" is not torn down: it is stopped` });
    }
  }

  let outcome: Outcome = 'failed';
  try {
    const { succeeded, worked } = await work(running);
    outcome = signal.aborted ? 'interrupted' : succeeded ? 'succeeded' : 'failed';
    return { outcome, state, worked };
  } catch (error) {
    if (!signal.aborted) throw error;
    outcome = 'interrupted';
    return { outcome, state, worked: true };
  } finally {
    try {
      await providers.close();
    } finally {
      await journal.commit([{ type: 'operation-ended', id, outcome }]);
    }
  }
}

/** A machine that is ready as far as is known is looked at again, from its provider's answer on. */
function doubt({ name, stage }: Machine): Revision | null {
  return stage === 'ready' ? { machine: name, to: 'look', cause: 'repair looks at every machine' } : null;
}
