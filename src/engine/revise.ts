import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Service } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { allReached } from '../state/tally.ts';
import type { Revision } from './revision.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { machineSubject } from './step.ts';

/** Every machine of these services was compared with the plan, and none waits to be made as it says. */
export function isRevised(
  services: readonly Service[],
  { revisions }: Pick<Situation, 'revisions'>,
): boolean {
  const { unseen, pending, recheck } = revisions;
  return services.every(({ name }) => !unseen.has(name) && !pending.has(name) && !recheck.has(name));
}

/** It differs from the plan or goes back in this pass, so that no other step of it may start. */
export function isBeingRevised({ name }: Machine, { seen, decide }: Reconciliation): boolean {
  return (
    seen.some(({ revisions }) => revisions.some(({ machine }) => machine === name)) ||
    decide.some((one) => one.kind === 'revise' && one.revision.machine === name)
  );
}

/**
 * Compares a service's machines with the plan, once all that its templates mention of the own level was reached, and
 * lets those that differ go back to an earlier stage: all at once, or as many as `update.maxUnavailable` allows, and
 * none after a failure.
 */
export function revise(service: Service, situation: Situation, out: Reconciliation): void {
  const { state, revisions } = situation;
  if (revisions.unseen.has(service.name)) {
    const isSettled = service.peers.every((peer) => areReached(peer, state)) && !isUnderWay(service, state);
    if (isSettled) out.seen.push({ service: service.name, revisions: differences(service, situation) });
    return;
  }
  const pending = revisions.pending.get(service.name);
  if (pending === undefined && revisions.recheck.has(service.name) && areSettled(service, state)) {
    const stillDiffer = differences(service, situation).filter(
      ({ machine }) => state.machines.get(machine)?.gaveUp === false,
    );
    out.seen.push({ service: service.name, revisions: stillDiffer });
    return;
  }
  const tally = state.tallies.services.get(service.name);
  if (pending === undefined || tally === undefined) return;
  const others = brokenAside(service, situation);
  const unavailable = tally.max - tally.ready - others.broken;
  let room = Infinity;
  if (service.update !== null) {
    const waiting = brokenIn(pending, state);
    const hasFailed = tally.settled - waiting.givenUp - others.givenUp > tally.ready;
    room = hasFailed ? 0 : service.update.maxUnavailable - unavailable + waiting.broken;
  }
  for (const revision of pending.values()) {
    if (situation.busy.has(machineSubject(revision.machine))) {
      if (!isReady(revision, state)) room -= 1;
    } else if (revision.to === 'label') {
      out.start.push({ kind: 'label', machine: revision.machine });
    } else if (room > 0) {
      room -= 1;
      out.decide.push({ kind: 'revise', revision });
    } else break;
  }
}

function isReady({ machine }: Revision, { machines }: DeploymentState): boolean {
  return machines.get(machine)?.stage === 'ready';
}

/** Machines that are out of order already, which have their turn first and are counted when that begins. */
function brokenIn(pending: ReadonlyMap<string, Revision>, state: DeploymentState) {
  let [broken, givenUp] = [0, 0];
  for (const revision of pending.values()) {
    if (isReady(revision, state)) break;
    broken += 1;
    if (state.machines.get(revision.machine)?.gaveUp === true) givenUp += 1;
  }
  return { broken, givenUp };
}

/** Machines that the operation leaves as they are: they were given up before it. */
function brokenAside({ name, indexes }: Service, { state, revisions }: Situation) {
  let [broken, givenUp] = [0, 0];
  const { aside = new Set(), pending } = revisions;
  if (aside.size === 0) return { broken, givenUp };
  for (const index of indexes) {
    const machine = state.machines.get(machineName(name, index));
    if (machine === undefined || !aside.has(machine.name) || machine.stage === 'ready') continue;
    if (pending.get(name)?.has(machine.name) === true) continue;
    broken += 1;
    if (machine.gaveUp) givenUp += 1;
  }
  return { broken, givenUp };
}

/** Revisions in the order in which they are begun: of machines that are out of order first. */
export function brokenFirst(revisions: readonly Revision[], state: DeploymentState): readonly Revision[] {
  const ready = revisions.filter((revision) => isReady(revision, state));
  return ready.length === 0 ? revisions : [...revisions.filter((one) => !isReady(one, state)), ...ready];
}

function differences(service: Service, { state, revise: compare }: Situation) {
  const all = service.indexes.map((index) => {
    const machine = state.machines.get(machineName(service.name, index));
    return machine === undefined ? null : compare(machine);
  });
  return brokenFirst(
    all.filter((revision) => revision !== null),
    state,
  );
}

/** What a script was told that goes on since an earlier operation is compared once it is over. */
function isUnderWay({ name, indexes }: Service, { machines }: DeploymentState): boolean {
  return indexes.some((index) => (machines.get(machineName(name, index))?.running ?? null) !== null);
}

function areSettled({ name, peers }: Service, { tallies }: DeploymentState): boolean {
  return [name, ...peers].every((service) => {
    const tally = tallies.services.get(service);
    return tally === undefined || tally.settled >= tally.max;
  });
}

function areReached(service: string, state: DeploymentState): boolean {
  const tally = state.tallies.services.get(service);
  return tally === undefined || allReached(tally);
}
