import type { Batch, Fact } from '../fact.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { UNLAUNCHED, notLaunched, recordedLabels } from './machine-stages.ts';
import { change, replace } from './replace.ts';

/** A batch is open from its request to its answer. */
export function requestLaunch(state: DeploymentState, batch: Batch, at: number, touched: Touched): void {
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
        labels: recordedLabels(batch.labels, batch.made?.labels),
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

/** Machines that were given an instance have it, and the others have none as before. */
export function answerLaunch(
  state: DeploymentState,
  fact: Extract<Fact, { type: 'launch-answered' }>,
  touched: Touched,
): void {
  const batch = closeBatch(state, fact.batch, touched);
  for (const [i, { name, generation }] of (batch?.machines ?? []).entries()) {
    const id = fact.ids[i] ?? null;
    if (batch !== undefined && id !== null) addInstance(state, batch, { name, generation }, id, touched);
    change(state, name, generation, fact.at, touched, (machine) =>
      id === null ? notLaunched(machine, fact.shortfall, fact.isFree) : { ...machine, stage: 'launched', id },
    );
  }
}

export function refuseLaunch(
  state: DeploymentState,
  fact: Extract<Fact, { type: 'launch-refused' }>,
  touched: Touched,
): void {
  for (const { name, generation } of closeBatch(state, fact.batch, touched)?.machines ?? [])
    change(state, name, generation, fact.at, touched, (machine) =>
      notLaunched(machine, fact.failed, fact.isFree),
    );
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
