import { isShared } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Plan, Service } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { allReached, openLevel } from '../state/tally.ts';
import { guestsOn, hostOf } from './colocation.ts';
import { tenantsIn } from './colocation-tenants.ts';
import { launch, request } from './launch-batches.ts';
import { leave } from './leave.ts';
import { replace } from './replace.ts';
import { isBeingRevised, isRevised, revise } from './revise.ts';
import type { Revision } from './revision.ts';
import type { Reconciliation, Situation } from './situation.ts';
import { isDue, nothingToDo, terminations } from './situation.ts';
import { machineSubject } from './step.ts';

/**
 * Steps towards a deployment in which every level of the plan is passed and as the plan says. Only the open level has
 * any; what the plan does not ask for any more goes when all are passed.
 */
export function reconcileUp(plan: Plan, situation: Situation): Reconciliation {
  const out = nothingToDo();
  const { state, busy } = situation;
  const passed = openLevel(state.tallies);
  const level = plan.levels.find(({ index, services }) => index >= passed || !isRevised(services, situation));
  if (level !== undefined) {
    for (const service of level.services) revise(service, situation, out);
    const services = new Map(level.services.map((service) => [service.name, service]));
    const unlaunched = new Map<string, Machine[]>();
    const sharing = {
      tenants: tenantsIn(state),
      isLookedAt: (tenant: Machine): boolean => tenant.wanted && services.has(tenant.service),
    };
    const machines = [...machinesToLookAt(level.name, services, situation)];
    const isFree = (machine: Machine): boolean =>
      !busy.has(machineSubject(machine.name)) && !isBeingRevised(machine, out);
    // These first, because they take machines that share them along.
    for (const machine of machines)
      if (machine.stage === 'replacing' && isFree(machine) && isDue(machine, situation.now, out))
        replace(machine, sharing, situation, out);
    for (const machine of machines) {
      const service = services.get(machine.service);
      if (service === undefined || machine.stage === 'replacing' || !isFree(machine)) continue;
      if (machine.stage === 'none' && isDue(machine, situation.now, out)) {
        if (mayBegin(machine, service, situation, out)) collect(unlaunched, machine);
      } else next(machine, service, situation, out);
    }
    for (const [name, machines] of unlaunched) {
      const service = services.get(name);
      if (service !== undefined) request(service, machines, situation, out);
    }
  }
  if (level === undefined) leave('unwanted', situation, out);
  terminations(situation, state.condemned, out);
  return out;
}

/**
 * The touched machines of the open level and, where a gate may just have opened, everything behind that gate: the
 * whole level after a change below it, the machines that wait for a service all of which was reached.
 */
function machinesToLookAt(
  level: string,
  services: ReadonlyMap<string, Service>,
  situation: Situation,
): Iterable<Machine> {
  const { state, look } = situation;
  if (look.kind === 'all') return machinesOf(services, state);
  const machines = new Map<string, Machine>();
  const touched = new Set<string>();
  for (const name of look.machines) {
    const machine = state.machines.get(name);
    if (machine !== undefined && hasLetGo(machine)) return machinesOf(services, state);
    if (machine?.wanted !== true) continue;
    if (machine.level !== level) return machinesOf(services, state);
    machines.set(name, machine);
    touched.add(machine.service);
    for (const service of services.values())
      for (const guest of guestsOn(machine, service)) {
        const found = state.machines.get(guest);
        if (found !== undefined) machines.set(guest, found);
      }
  }
  // Whether more of a service's machines are asked for depends on what became of the others.
  for (const service of touched) {
    for (const name of state.tallies.services.get(service)?.unlaunched ?? []) {
      const machine = state.machines.get(name);
      if (machine !== undefined) machines.set(name, machine);
    }
  }
  for (const service of services.values()) {
    if (!service.peers.some((peer) => look.reached.has(peer) && isReached(peer, state))) continue;
    for (const name of state.tallies.services.get(service.name)?.waiting ?? []) {
      const machine = state.machines.get(name);
      if (machine !== undefined) machines.set(name, machine);
    }
  }
  return machines.values();
}

/** The machine that it shared may wait for that, and nobody knows any more which one it was. */
function hasLetGo({ provider, stage, wanted }: Machine): boolean {
  return isShared(provider) && (stage === 'none' || !wanted);
}

function* machinesOf(services: ReadonlyMap<string, Service>, state: DeploymentState): Iterable<Machine> {
  for (const service of services.values()) {
    for (const index of service.indexes) {
      const machine = state.machines.get(machineName(service.name, index));
      if (machine !== undefined) yield machine;
    }
  }
}

/** A colocated machine begins when the machine that it shares is ready, and not at all when that was given up. */
function mayBegin(machine: Machine, service: Service, { state }: Situation, out: Reconciliation): boolean {
  const host = hostOf(machine, service, state);
  if (host === null || host.stage === 'ready') return true;
  if (host.gaveUp) out.decide.push({ kind: 'give-up', machine: machine.name, failure: hostless(host.name) });
  return false;
}

function hostless(host: string) {
  return {
    step: 'launch',
    reason: 'refused',
    message: `Cannot launch: machine "${host}", which it shares, is not ready`,
    exitCode: null,
    logTail: [],
    logPath: null,
  } as const;
}

/** The step that is due on a machine that was asked for. */
export function next(machine: Machine, service: Service, situation: Situation, out: Reconciliation): void {
  const { name } = machine;
  if (!isDue(machine, situation.now, out)) return;
  switch (machine.stage) {
    case 'rebooting':
      out.start.push({ kind: 'reboot', machine: name });
      return;
    case 'stopping':
    case 'stopped':
      if (situation.revisions.pending.get(machine.service)?.get(name)?.to === 'replace') return;
      if (mayBegin(machine, service, situation, out))
        out.decide.push({ kind: 'revise', revision: startAgain(machine) });
      return;
    case 'none':
    case 'ready':
    case 'replacing':
    case 'leaving':
    case 'gone':
      return;
    case 'requested':
      if (machine.batch !== null) launch(machine.batch, situation, out);
      return;
    case 'launched':
      out.start.push({ kind: 'boot', machine: name });
      return;
    case 'running':
      out.start.push({ kind: 'connect', machine: name });
      return;
    case 'connected':
      bootstrap(machine, service, situation, out);
      return;
    case 'bootstrapped':
      if (service.verify.length > 0) out.start.push({ kind: 'verify', machine: name });
      else out.decide.push({ kind: 'skip', step: 'verify', machines: [name] });
      return;
  }
}

function startAgain({ name, stage }: Machine): Revision {
  return { machine: name, to: 'look', cause: stage === 'stopped' ? 'it is stopped' : 'it was being stopped' };
}

function bootstrap(machine: Machine, service: Service, { state }: Situation, out: Reconciliation): void {
  if (machine.running === null) {
    if (!service.peers.every((peer) => isReached(peer, state))) return;
    const missing = service.peers.find((peer) => reachedCount(peer, state) < minOf(peer, state));
    if (missing !== undefined) {
      out.decide.push({ kind: 'give-up', machine: machine.name, failure: tooFewPeers(missing, state) });
      return;
    }
  }
  const outputs = Object.values(service.outputs);
  if (service.bootstrap === null && service.files.length === 0 && outputs.length === 0)
    out.decide.push({ kind: 'skip', step: 'bootstrap', machines: [machine.name] });
  else out.start.push({ kind: 'bootstrap', machine: machine.name });
}

function tooFewPeers(peer: string, state: DeploymentState) {
  return {
    step: 'bootstrap',
    reason: 'peers',
    message: `Cannot bootstrap: ${reachedCount(peer, state)} machines of service "${peer}" were reached, ${minOf(peer, state)} are needed`,
    exitCode: null,
    logTail: [],
    logPath: null,
  } as const;
}

function isReached(service: string, state: DeploymentState): boolean {
  const tally = state.tallies.services.get(service);
  return tally === undefined || allReached(tally);
}

function reachedCount(service: string, state: DeploymentState): number {
  return state.tallies.services.get(service)?.reached ?? 0;
}

function minOf(service: string, state: DeploymentState): number {
  return state.tallies.services.get(service)?.min ?? 0;
}

function collect(groups: Map<string, Machine[]>, machine: Machine): void {
  const group = groups.get(machine.service);
  if (group === undefined) groups.set(machine.service, [machine]);
  else group.push(machine);
}
