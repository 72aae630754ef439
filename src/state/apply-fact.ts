import { indexesOf } from '../count.ts';
import type { Fact, OperationKind, OperationRecord, PlanRecord } from '../fact.ts';
import { machineName } from '../machine.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { emptyState, nothingTouched } from './deployment-state.ts';
import { answerLaunch, refuseLaunch, requestLaunch } from './apply-launch.ts';
import { condemn, removeInstance } from './apply-end.ts';
import {
  counted,
  halted,
  newMachine,
  planSource,
  reborn,
  recordedLabels,
  revise,
  succeed,
  unhalted,
} from './machine-stages.ts';
import { change, replace, replaceInstance } from './replace.ts';
import { rebuildTallies } from './tally.ts';

/** Operations that are about some machines, each of which is told to go on. */
const FOR_SOME: ReadonlySet<OperationKind> = new Set(['start', 'stop', 'reboot', 'extend']);

/** What failed is tried again where the operation is about it, and stays as it is elsewhere. */
function startOperation(state: DeploymentState, operation: OperationRecord, touched: Touched): void {
  state.operation = operation;
  touched.deployment = true;
  const only = operation.only === undefined ? null : new Set(operation.only);
  const isMeant = (name: string): boolean => (only === null ? !FOR_SOME.has(operation.kind) : only.has(name));
  for (const machine of state.machines.values()) {
    const { name, gaveUp, retryAt, tries } = machine;
    const hasTried = Object.keys(tries).length > 0;
    if (isMeant(name) && (gaveUp || retryAt !== null || hasTried))
      replace(state, { ...machine, gaveUp: false, retryAt: null, tries: {} }, touched);
    else if (hasTried) replace(state, { ...machine, tries: {} }, touched);
  }
  for (const instance of state.instances.values())
    if (instance.kept && isMeant(instance.machine))
      replaceInstance(state, { ...instance, kept: false }, touched);
}

/** The state after all facts; the first one creates the deployment. */
export function foldFacts(facts: Iterable<Fact>): DeploymentState {
  let state: DeploymentState | undefined;
  const touched = nothingTouched();
  for (const fact of facts) {
    if (fact.type === 'deployment-created') state = emptyState(fact);
    else if (state === undefined) throw new Error(`The first fact is "${fact.type}". This is a bug in plan.`);
    else applyFact(state, fact, touched);
  }
  if (state === undefined) throw new Error('There are no facts. This is a bug in plan.');
  return state;
}

/** Applies one fact in place and adds what it changed to `touched`. Facts about an earlier generation change no machine. */
export function applyFact(state: DeploymentState, fact: Fact, touched: Touched): void {
  switch (fact.type) {
    case 'deployment-created':
      touched.deployment = true;
      return;
    case 'plan-recorded':
      recordPlan(state, fact.plan, fact.at, touched);
      return;
    case 'expiry-set':
      state.expiresAt = fact.expiresAt;
      state.isExpiryUntold = state.instances.size > 0;
      touched.deployment = true;
      return;
    case 'expiry-told':
      state.isExpiryUntold = false;
      touched.deployment = true;
      return;
    case 'count-overridden':
      if (fact.override === null) state.overrides.delete(fact.service);
      else state.overrides.set(fact.service, fact.override);
      touched.deployment = true;
      return;
    case 'operation-started':
      startOperation(state, fact.operation, touched);
      return;
    case 'operation-ended':
      if (state.operation?.id === fact.id)
        state.operation = { ...state.operation, endedAt: fact.at, outcome: fact.outcome };
      touched.deployment = true;
      return;
    case 'scope-prepared':
      state.scopes.set(fact.provider, fact.place ?? null);
      touched.deployment = true;
      return;
    case 'scope-released':
      state.scopes.delete(fact.provider);
      touched.deployment = true;
      return;
    case 'launch-requested':
      requestLaunch(state, fact.batch, fact.at, touched);
      return;
    case 'launch-answered':
      answerLaunch(state, fact, touched);
      return;
    case 'launch-refused':
      refuseLaunch(state, fact, touched);
      return;
    case 'machine-running':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => ({
        ...machine,
        stage: 'running',
        addresses: fact.addresses,
        access: fact.access,
        made: fact.made === undefined ? machine.made : { ...machine.made, ssh: fact.made },
      }));
      return;
    case 'step-started':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => ({
        ...counted(machine, fact.step, fact.attempt),
        running: { step: fact.step, attempt: fact.attempt, since: fact.at, made: fact.made ?? null },
        under: fact.step === 'bootstrap' ? planSource(state) : machine.under,
        retryAt: null,
      }));
      return;
    case 'step-succeeded':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) =>
        succeed(machine, fact, state),
      );
      return;
    case 'step-failed':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => {
        const base = counted(machine, fact.step, fact.attempt);
        // A teardown that failed for good never stops the machine's end.
        if (fact.step === 'teardown' && fact.failed.gaveUp)
          return { ...base, running: null, failure: fact.failed.failure, tornDown: true };
        if (fact.step === 'stop') return unhalted(base, fact.failed);
        return { ...base, running: null, ...fact.failed };
      });
      return;
    case 'machine-revised':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => revise(machine, fact));
      return;
    case 'machine-stopped':
      change(state, fact.machine, fact.generation, fact.at, touched, halted);
      return;
    case 'machine-labelled':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => ({
        ...machine,
        made: { ...machine.made, labels: fact.made },
        labels: recordedLabels(fact.labels, fact.made),
      }));
      return;
    case 'instance-condemned':
      condemn(state, fact, touched);
      return;
    case 'terminate-requested':
      for (const name of fact.machines) {
        const machine = state.machines.get(name);
        if (machine !== undefined)
          replace(
            state,
            {
              ...counted(machine, 'terminate', (machine.attempts.terminate ?? 0) + 1),
              stage: 'leaving',
              running: null,
              updatedAt: fact.at,
            },
            touched,
          );
      }
      return;
    case 'instances-gone':
      for (const id of fact.ids) removeInstance(state, id, fact.at, touched);
      return;
    case 'instance-kept': {
      const instance = state.instances.get(fact.id);
      if (instance === undefined) return;
      replaceInstance(state, { ...instance, kept: true }, touched);
      // Another one may wait for its end.
      if (state.machines.has(instance.machine)) touched.machines.add(instance.machine);
      return;
    }
    case 'machines-dropped':
      for (const name of fact.machines) {
        const machine = state.machines.get(name);
        if (machine !== undefined)
          replace(
            state,
            { ...machine, stage: 'gone', running: null, gaveUp: false, retryAt: null, updatedAt: fact.at },
            touched,
          );
      }
      return;
    default:
      fact satisfies never;
  }
}

function recordPlan(state: DeploymentState, plan: PlanRecord, at: number, touched: Touched): void {
  state.plan = plan;
  touched.deployment = true;
  const wanted = new Set<string>();
  for (const level of plan.levels) {
    for (const service of level.services) {
      for (const index of indexesOf(service)) {
        const name = machineName(service.name, index);
        wanted.add(name);
        const machine = state.machines.get(name) ?? newMachine(service.name, index, service.provider, at);
        const fresh = machine.stage === 'gone' ? reborn(machine) : machine;
        const provider = fresh.stage === 'none' ? service.provider : fresh.provider;
        state.machines.set(name, { ...fresh, level: level.name, provider, wanted: true });
        touched.machines.add(name);
      }
    }
  }
  for (const machine of state.machines.values()) {
    if (machine.wanted && !wanted.has(machine.name)) {
      state.machines.set(machine.name, { ...machine, wanted: false, updatedAt: at });
      touched.machines.add(machine.name);
    }
  }
  rebuildTallies(state.tallies, plan, state.machines.values());
}
