import { gapsIn } from '../count.ts';
import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { factsOf } from './decide.ts';
import { createDesired } from './desired.ts';
import type { Forecast, ScaledService } from './difference.ts';
import { createNotes } from './forecast-notes.ts';
import { tracedPrint } from './forecast-placeholder.ts';
import { applyOverrides } from './overrides.ts';
import { pretend } from './forecast-steps.ts';
import type { Fingerprint } from './made.ts';
import type { PlanContext } from './plan-context.ts';
import { reconcile } from './reconcile.ts';
import { createRehearsal } from './rehearsal.ts';
import { revisionOf } from './revision.ts';
import { createRevisionBook } from './revision-book.ts';
import { createScopes } from './scope.ts';
import type { Look, Situation } from './situation.ts';

export interface ForecastOptions {
  readonly fingerprint: Fingerprint;
  /** For services that the plan does not have: the plans that say how their machines go. */
  readonly retired: ReadonlyMap<string, Plan>;
}

/**
 * What `up` would do and why: `up` itself, on a copy of the state, where every step succeeds. Asks nobody: what only
 * a machine or a provider could tell is a placeholder, and a bootstrap that runs again reports what it did before.
 * `state` null: there is no such deployment.
 */
export function forecast(given: Plan, state: DeploymentState | null, options: ForecastOptions): Forecast {
  const plan = state === null ? given : applyOverrides(given, state.overrides);
  const rehearsal = createRehearsal(plan, state);
  const services = new Map(servicesOf(plan).map((service) => [service.name, service]));
  const traced = tracedPrint(options.fingerprint);
  const context: PlanContext = {
    plan,
    journal: rehearsal,
    scopes: createScopes(plan, rehearsal),
    wiring: { owner: '', clock: { now: () => 0 }, store: { fingerprint: traced.print } },
    service(name) {
      const service = services.get(name);
      if (service === undefined) throw new Error(`The plan has no service "${name}". This is a bug in plan.`);
      return service;
    },
  };
  const desired = createDesired(context);
  const hasTeardown = ({ service }: Machine): boolean => {
    const retired = options.retired.get(service);
    const found =
      services.get(service) ?? (retired && servicesOf(retired).find(({ name }) => name === service));
    return found?.teardown != null;
  };
  const revisions = createRevisionBook(plan);
  const notes = createNotes({ before: state, context, desired, revisions, traced, hasTeardown });
  const revise: Situation['revise'] = (machine) => {
    const service = services.get(machine.service);
    return service === undefined || !machine.wanted ? null : revisionOf(machine, desired(machine, service));
  };
  for (const { name } of rehearsal.begunAnew) notes.begunAnew(name);
  let look: Look = { kind: 'all' };
  for (;;) {
    const { seen, decide, start } = reconcile(
      { kind: 'up', plan },
      {
        state: rehearsal.state,
        look,
        busy: new Set(),
        now: 0,
        batchLimit: () => Infinity,
        hasTeardown,
        revise,
        revisions,
      },
    );
    if (seen.length + decide.length + start.length === 0) break;
    for (const one of seen) revisions.note(one.service, one.revisions);
    for (const one of decide) {
      notes.decision(one);
      if (one.kind === 'revise') take(one.revision.machine);
      rehearsal.apply(factsOf(one, context));
    }
    for (const step of start) {
      notes.step(step);
      if (step.kind === 'label') take(step.machine);
      rehearsal.apply(pretend(step, context, (name) => state?.machines.get(name)?.addresses ?? null));
    }
    const touched = rehearsal.takeTouched();
    look = seen.length > 0 ? { kind: 'all' } : { kind: 'touched', ...touched };
  }

  function take(name: string): void {
    const machine = rehearsal.state.machines.get(name);
    if (machine !== undefined) revisions.take(machine.service, name);
  }

  const differences = notes.differences();
  const recordedOnly = differences.length === 0 && state?.plan != null && state.plan.digest !== plan.digest;
  return {
    deployment: plan.deployment,
    levels: plan.levels.map(({ name }) => name),
    overrides: servicesOf(plan).flatMap(scaledService),
    differences,
    recordedOnly,
  };
}

function scaledService({ name, planned, count, indexes }: Service): readonly ScaledService[] {
  if (planned === null) return [];
  return [
    { service: name, planned, count, without: gapsIn(indexes).map((index) => machineName(name, index)) },
  ];
}
