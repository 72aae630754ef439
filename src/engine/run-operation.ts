import { setMaxListeners } from 'node:events';
import type { OperationKind, Outcome } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { factsOf } from './decide.ts';
import { converge } from './engine.ts';
import type { Journal } from './journal.ts';
import { createJournal } from './journal.ts';
import type { OperationResult, Wiring } from './operation.ts';
import type { PerformContext } from './perform/context.ts';
import { perform } from './perform/perform.ts';
import type { Providers } from './providers.ts';
import { openProviders } from './providers.ts';
import { createQueue } from './queue.ts';
import { reconcile } from './reconcile.ts';
import type { Goal } from './situation.ts';
import { createScopes } from './scope.ts';
import { createSecrets } from './secrets.ts';
import { silentLogs } from './silent-logs.ts';
import { createWatch } from './watch.ts';

/** One operation under way: it holds the deployment's lock and has recorded its start. */
export interface Running {
  readonly journal: Journal;
  readonly providers: Providers;
  readonly context: PerformContext;
  readonly signal: AbortSignal;
  /** Failures of teardown and termination that were recorded so far. */
  readonly setbacks: () => number;
  /** True when there is a step that may start now. */
  hasWork(goal: Goal): boolean;
  converge(goal: Goal): Promise<void>;
}

export interface OperationStart {
  readonly kind: OperationKind;
  readonly state: DeploymentState;
  readonly plan: Plan;
  readonly signal: AbortSignal;
}

const PROVIDER_CALLS = 8;

/**
 * Records the start of an operation, does its work, and records how it ended: as interrupted when the signal aborted,
 * as failed when `work` rejects. `work` answers whether the goal is met and whether anything was done for it.
 */
export async function runOperation(
  wiring: Wiring,
  { kind, state, plan, signal }: OperationStart,
  work: (running: Running) => Promise<{ readonly succeeded: boolean; readonly worked: boolean }>,
): Promise<OperationResult> {
  setMaxListeners(0, signal);
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
  const operation = { id, kind, owner, planDigest: plan.digest, startedAt, endedAt: null, outcome: null };
  await journal.commit([{ type: 'operation-started', operation }]);

  const providers = openProviders(wiring, plan);
  const context = performContext(wiring, plan, journal, providers);
  const running: Running = {
    journal,
    providers,
    context,
    signal,
    setbacks: () => setbacks,
    hasWork(goal) {
      const situation = {
        state,
        look: { kind: 'all' },
        busy: new Set<string>(),
        now: wiring.clock.now(),
      } as const;
      const { decide, start, wakeAt } = reconcile(goal, { ...situation, batchLimit: () => Infinity });
      return decide.length > 0 || start.length > 0 || wakeAt !== null;
    },
    async converge(goal) {
      await converge({
        goal,
        journal,
        clock: wiring.clock,
        signal,
        batchLimit: (provider) => providers.get(provider).batchLimit,
        decide: (decision) => factsOf(decision, context),
        perform: (step, cancel) => perform(step, context, cancel),
      });
    },
  };

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
    await providers.close();
    await journal.commit([{ type: 'operation-ended', id, outcome }]);
  }
}

function performContext(wiring: Wiring, plan: Plan, journal: Journal, providers: Providers): PerformContext {
  const secrets = createSecrets(plan, journal);
  const services = new Map(
    plan.levels.flatMap((level) => level.services.map((service) => [service.name, service])),
  );
  const watches = new Map<string, ReturnType<typeof createWatch>>();
  return {
    wiring: secrets.areKnown ? wiring : { ...wiring, logs: silentLogs, showOutput: false },
    journal,
    plan,
    scopes: createScopes(plan, journal),
    calls: createQueue(PROVIDER_CALLS),
    scripts: createQueue(wiring.parallelism),
    service(name) {
      const service = services.get(name);
      if (service === undefined) throw new Error(`The plan has no service "${name}". This is a bug in plan.`);
      return service;
    },
    provider: (name) => providers.get(name),
    watch(name) {
      const watch = watches.get(name) ?? createWatch(providers.get(name), wiring.clock);
      watches.set(name, watch);
      return watch;
    },
    maskFor: (machine) => secrets.maskFor(machine),
    tell: (event) => wiring.observe(event, journal.state),
  };
}
