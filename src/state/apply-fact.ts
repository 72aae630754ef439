import type { Batch, Fact, PlanRecord } from '../fact.ts';
import type { Instance, Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { emptyState, isCondemned, nothingTouched } from './deployment-state.ts';
import {
  UNLAUNCHED,
  counted,
  newMachine,
  notLaunched,
  planSource,
  reborn,
  revise,
  succeed,
} from './machine-stages.ts';
import { countMachine, rebuildTallies } from './tally.ts';

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
    case 'operation-started':
      state.operation = fact.operation;
      touched.deployment = true;
      for (const machine of state.machines.values()) {
        if (machine.gaveUp || machine.retryAt !== null || Object.keys(machine.tries).length > 0)
          replace(state, { ...machine, gaveUp: false, retryAt: null, tries: {} }, touched);
      }
      for (const instance of state.instances.values()) {
        if (instance.kept) replaceInstance(state, { ...instance, kept: false }, touched);
      }
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
    case 'launch-answered': {
      const batch = closeBatch(state, fact.batch, touched);
      for (const [i, { name, generation }] of (batch?.machines ?? []).entries()) {
        const id = fact.ids[i] ?? null;
        if (batch !== undefined && id !== null) addInstance(state, batch, { name, generation }, id, touched);
        change(state, name, generation, fact.at, touched, (machine) =>
          id === null
            ? notLaunched(machine, fact.shortfall, fact.isFree)
            : { ...machine, stage: 'launched', id },
        );
      }
      return;
    }
    case 'launch-refused':
      for (const { name, generation } of closeBatch(state, fact.batch, touched)?.machines ?? [])
        change(state, name, generation, fact.at, touched, (machine) =>
          notLaunched(machine, fact.failed, fact.isFree),
        );
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
        return { ...base, running: null, ...fact.failed };
      });
      return;
    case 'machine-revised':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => revise(machine, fact));
      return;
    case 'machine-labelled':
      change(state, fact.machine, fact.generation, fact.at, touched, (machine) => ({
        ...machine,
        made: { ...machine.made, labels: fact.made },
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
      if (instance !== undefined) replaceInstance(state, { ...instance, kept: true }, touched);
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
      for (let index = 0; index < service.max; index += 1) {
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

function requestLaunch(state: DeploymentState, batch: Batch, at: number, touched: Touched): void {
  state.batches.set(batch.number, batch);
  state.lastBatch = Math.max(state.lastBatch, batch.number);
  touched.batches.add(batch.number);
  touched.deployment = true;
  for (const { name, generation } of batch.machines) {
    const machine = state.machines.get(name);
    if (machine === undefined) continue;
    const launches = (machine.attempts.launch ?? 0) + 1;
    replace(
      state,
      {
        ...machine,
        ...UNLAUNCHED,
        stage: 'requested',
        generation,
        batch: batch.number,
        givenKey: batch.hostKey ?? null,
        made: { ...UNLAUNCHED.made, ...batch.made },
        cause: machine.cause,
        provider: batch.provider,
        attempts: { launch: launches },
        tries: { launch: (machine.tries.launch ?? 0) + 1 },
        retryAt: null,
        updatedAt: at,
      },
      touched,
    );
  }
}

function closeBatch(state: DeploymentState, number: number, touched: Touched): Batch | undefined {
  const batch = state.batches.get(number);
  state.batches.delete(number);
  touched.batches.add(number);
  return batch;
}

function addInstance(
  state: DeploymentState,
  batch: Batch,
  machine: { readonly name: string; readonly generation: number },
  id: string,
  touched: Touched,
): void {
  state.instances.set(id, {
    id,
    provider: batch.provider,
    machine: machine.name,
    service: batch.service,
    generation: machine.generation,
    batch: batch.number,
    condemned: null,
    kept: false,
  });
  touched.instances.add(id);
}

function condemn(
  state: DeploymentState,
  fact: Extract<Fact, { type: 'instance-condemned' }>,
  touched: Touched,
): void {
  const machine = state.machines.get(fact.machine);
  if (machine?.generation !== fact.generation || machine.id === null) return;
  const instance = state.instances.get(machine.id);
  if (instance !== undefined) replaceInstance(state, { ...instance, condemned: fact.cause }, touched);
  replace(state, { ...machine, ...UNLAUNCHED, cause: machine.cause, updatedAt: fact.at }, touched);
}

function removeInstance(state: DeploymentState, id: string, at: number, touched: Touched): void {
  const instance = state.instances.get(id);
  if (instance === undefined) return;
  state.instances.delete(id);
  state.condemned.delete(id);
  touched.instances.add(id);
  change(state, instance.machine, instance.generation, at, touched, (machine) =>
    machine.id === id && machine.stage === 'leaving'
      ? { ...machine, stage: 'gone', gaveUp: false, retryAt: null }
      : machine,
  );
}

function replaceInstance(state: DeploymentState, instance: Instance, touched: Touched): void {
  state.instances.set(instance.id, instance);
  if (isCondemned(instance)) state.condemned.add(instance.id);
  else state.condemned.delete(instance.id);
  touched.instances.add(instance.id);
}

function change(
  state: DeploymentState,
  name: string,
  generation: number,
  at: number,
  touched: Touched,
  next: (machine: Machine) => Machine,
): void {
  const machine = state.machines.get(name);
  if (machine?.generation !== generation) return;
  replace(state, { ...next(machine), updatedAt: at }, touched);
}

function replace(state: DeploymentState, machine: Machine, touched: Touched): void {
  const before = state.machines.get(machine.name);
  state.machines.set(machine.name, machine);
  touched.machines.add(machine.name);
  if (countMachine(state.tallies, before, machine)) touched.reached.add(machine.service);
}
