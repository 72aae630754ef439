import type { Machine } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { Journal } from './journal.ts';
import type { TimeLeft } from './machine-times.ts';
import type { Wiring } from './operation.ts';
import type { PerformContext } from './perform/context.ts';
import type { Providers } from './providers.ts';
import type { Queue } from '../queue.ts';
import { createQueue } from '../queue.ts';
import { createScopes } from './scope.ts';
import { createSecrets } from './secrets.ts';
import { silentLogs } from './silent-logs.ts';
import type { Step } from './step.ts';
import type { Watch } from './watch.ts';
import { createWatch } from './watch.ts';

/** What steps are performed with: the plan of the operation, or the older one that a machine on its way out came from. */
export interface Contexts {
  readonly main: PerformContext;
  of(step: Step): PerformContext;
  /** What the plan, or the older one, says of a machine's service. */
  serviceOf(machine: Machine): Service | undefined;
}

/** Calls to one provider that are under way at the same time. */
const PROVIDER_CALLS = 8;

export interface ContextParts {
  readonly wiring: Wiring;
  readonly plan: Plan;
  /** For services that the plan does not have: the plans that say how their machines go. */
  readonly retired: ReadonlyMap<string, Plan>;
  readonly journal: Journal;
  readonly providers: Providers;
  readonly leavesThings: boolean;
  /** Default: there is no limit for any machine. */
  timeLeft?(machine: string): TimeLeft | null;
}

export function createContexts({
  wiring: given,
  plan,
  retired,
  journal,
  providers,
  leavesThings,
  timeLeft = () => null,
}: ContextParts): Contexts {
  const wiring = forDeployment(given, journal);
  const watches = new Map<string, Watch>();
  const queues = new Map<string, Queue>();
  const shared: Shared = {
    leavesThings,
    timeLeft,
    wiring,
    journal,
    providers,
    calls(name) {
      const queue = queues.get(name) ?? createQueue(PROVIDER_CALLS);
      queues.set(name, queue);
      return queue;
    },
    scripts: createQueue(wiring.parallelism),
    watch(name) {
      const watch = watches.get(name) ?? createWatch(providers.get(name), wiring.clock);
      watches.set(name, watch);
      return watch;
    },
  };
  const main = contextOf(plan, shared);
  const byPlan = new Map([...new Set(retired.values())].map((old) => [old, contextOf(old, shared)]));
  const services = new Map(servicesOf(plan).map((service) => [service.name, service]));

  function oldContext(service: string): PerformContext | undefined {
    const old = services.has(service) ? undefined : retired.get(service);
    return old === undefined ? undefined : byPlan.get(old);
  }

  return {
    main,
    of(step) {
      const machine = 'machine' in step ? journal.state.machines.get(step.machine) : undefined;
      return (machine && oldContext(machine.service)) ?? main;
    },
    serviceOf: ({ service }) => services.get(service) ?? oldContext(service)?.service(service),
  };
}

/** What steps were performed with is told by digests that are the deployment's own. */
function forDeployment(wiring: Wiring, { state: { uuid } }: Journal): Wiring {
  const { store } = wiring;
  const fingerprint = (text: string, deployment: string | null = uuid): string =>
    store.fingerprint(text, deployment);
  return { ...wiring, store: { ...store, fingerprint } };
}

interface Shared extends Pick<
  PerformContext,
  'leavesThings' | 'timeLeft' | 'wiring' | 'journal' | 'calls' | 'scripts' | 'watch'
> {
  readonly providers: Providers;
}

function contextOf(plan: Plan, { wiring, journal, providers, ...shared }: Shared): PerformContext {
  const secrets = createSecrets(plan, journal);
  const services = new Map(servicesOf(plan).map((service) => [service.name, service]));
  return {
    wiring: secrets.areKnown ? wiring : { ...wiring, logs: silentLogs, showOutput: false },
    journal,
    plan,
    scopes: createScopes(plan, journal),
    ...shared,
    service(name) {
      const service = services.get(name);
      if (service === undefined) throw new Error(`The plan has no service "${name}". This is a bug in plan.`);
      return service;
    },
    provider: (name) => providers.get(name),
    maskFor: (machine) => secrets.maskFor(machine),
    tell: (event) => wiring.observe(event, journal.state),
  };
}
