import type { Batch, Fact, OperationRecord, PlanRecord, StepFailure } from '../fact.ts';
import type { Instance, Machine, PlanSource } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { StepKind } from '../step.ts';
import type { Tallies } from './tally.ts';
import { countMachine, emptyTallies, rebuildTallies } from './tally.ts';

/**
 * Everything that is known of one deployment: a fold over its facts. The maps change in place (ten thousand
 * machines are an ordinary input), the records in them are replaced, never changed.
 */
export interface DeploymentState {
  readonly name: string;
  readonly uuid: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  plan: PlanRecord | null;
  /** The latest one. */
  operation: OperationRecord | null;
  readonly machines: Map<string, Machine>;
  /** Instances that are not known to be gone, by id. */
  readonly instances: Map<string, Instance>;
  /** Ids of condemned instances whose end was not given up in this operation. Derived, never stored. */
  readonly condemned: Set<string>;
  /** Batches without a recorded answer, by number. */
  readonly batches: Map<number, Batch>;
  /** Number of the newest batch. */
  lastBatch: number;
  /** Providers that were prepared and not released, and the place where their machines are, where one is known. */
  readonly scopes: Map<string, string | null>;
  /** Derived from the machines, never stored. */
  readonly tallies: Tallies;
}

/** What a fact changed: what a projection has to write, and what `reconcile` has to look at. */
export interface Touched {
  readonly machines: Set<string>;
  readonly instances: Set<string>;
  readonly batches: Set<number>;
  /** Services in which the number of reached machines changed. */
  readonly reached: Set<string>;
  /** True when the deployment's own record (plan, operation, scopes, numbers) changed. */
  deployment: boolean;
}

export function nothingTouched(): Touched {
  return {
    machines: new Set(),
    instances: new Set(),
    batches: new Set(),
    reached: new Set(),
    deployment: false,
  };
}

/** A deployment to which nothing happened yet. `created` is its first fact. */
export function emptyState(created: {
  readonly name: string;
  readonly uuid: string;
  readonly at: number;
}): DeploymentState {
  return {
    name: created.name,
    uuid: created.uuid,
    createdAt: created.at,
    plan: null,
    operation: null,
    machines: new Map(),
    instances: new Map(),
    condemned: new Set(),
    batches: new Map(),
    lastBatch: 0,
    scopes: new Map(),
    tallies: emptyTallies(),
  };
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

function newMachine(service: string, index: number, provider: string, at: number): Machine {
  return {
    name: machineName(service, index),
    service,
    index,
    level: '',
    wanted: true,
    generation: 0,
    provider,
    attempts: {},
    updatedAt: at,
    ...UNLAUNCHED,
    failure: null,
    gaveUp: false,
    retryAt: null,
    tries: {},
  };
}

/** What a name has when no instance stands behind it. */
const UNLAUNCHED = {
  stage: 'none',
  running: null,
  batch: null,
  id: null,
  givenKey: null,
  addresses: null,
  access: null,
  outputs: {},
  under: null,
  made: { launch: null, labels: null, ssh: null, bootstrap: null, verify: null },
  cause: null,
  tornDown: false,
} as const satisfies Partial<Machine>;

function reborn(machine: Machine): Machine {
  return { ...machine, ...UNLAUNCHED, failure: null, gaveUp: false, retryAt: null };
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

function notLaunched(machine: Machine, failed: StepFailure | null, isFree = false): Machine {
  const launches = (machine.tries.launch ?? 1) - 1;
  const tries = isFree ? { ...machine.tries, launch: launches } : machine.tries;
  return { ...machine, ...UNLAUNCHED, tries, ...failed };
}

function succeed(
  machine: Machine,
  fact: Extract<Fact, { type: 'step-succeeded' }>,
  state: DeploymentState,
): Machine {
  const base: Machine = {
    ...counted(machine, fact.step, fact.attempt),
    running: null,
    gaveUp: false,
    retryAt: null,
  };
  switch (fact.step) {
    case 'connect':
      return {
        ...base,
        // What was bootstrapped before its connection was asked for anew goes on from there.
        stage: base.made.bootstrap === null ? 'connected' : 'bootstrapped',
        access:
          fact.hostKey === undefined || base.access === null
            ? base.access
            : { ...base.access, hostKey: fact.hostKey },
      };
    case 'bootstrap':
      return {
        ...base,
        stage: 'bootstrapped',
        under: planSource(state),
        outputs: fact.outputs ?? {},
        made: { ...base.made, bootstrap: fact.made ?? {} },
      };
    case 'verify':
      return {
        ...base,
        stage: 'ready',
        failure: null,
        cause: null,
        made: { ...base.made, verify: fact.made ?? {} },
      };
    case 'teardown':
      return { ...base, tornDown: true };
  }
}

/** Back to the stage at which the step is due that is to be done again. */
function revise(machine: Machine, { to, cause }: Extract<Fact, { type: 'machine-revised' }>): Machine {
  const base = { ...machine, cause, running: null, failure: null, gaveUp: false, retryAt: null };
  switch (to) {
    case 'replace':
      return { ...base, stage: 'replacing' };
    case 'reboot':
      return { ...base, stage: 'rebooting' };
    case 'connect':
    case 'look':
      return { ...base, stage: 'launched' };
    case 'bootstrap':
      return { ...base, stage: 'connected', made: { ...machine.made, bootstrap: null, verify: null } };
    case 'verify':
      return { ...base, stage: 'bootstrapped', made: { ...machine.made, verify: null } };
  }
}

function planSource({ plan }: DeploymentState): PlanSource | null {
  return plan === null ? null : { path: plan.path, archive: plan.archive };
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

/** It has to go, and its end was not given up in this operation. */
export function isCondemned(instance: Instance): boolean {
  return instance.condemned !== null && !instance.kept;
}

/** `attempts` up to this one, and `tries` with what that adds: an attempt that was counted when it began adds none. */
function counted(machine: Machine, step: StepKind, attempt: number): Machine {
  const added = attempt - (machine.attempts[step] ?? 0);
  if (added === 0) return machine;
  return {
    ...machine,
    attempts: { ...machine.attempts, [step]: attempt },
    tries: { ...machine.tries, [step]: (machine.tries[step] ?? 0) + added },
  };
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
