import type { Count } from '../count.ts';
import { gapsIn, indexesOf } from '../count.ts';
import type { OperationKind, Outcome, ServiceRecord } from '../fact.ts';
import type { Failure } from '../failure.ts';
import type { Machine, MachineState } from '../machine.ts';
import { machineName } from '../machine.ts';
import { isSensitive, MASK } from '../sensitive.ts';
import type { DeploymentState } from './deployment-state.ts';
import { machineState } from './machine-state.ts';
import { combinedState, serviceState } from './status-rules.ts';
import type { GroupState } from './status-rules.ts';
import { whereabouts } from './whereabouts.ts';

/** What `plan status --json` prints; times are ISO 8601 in UTC, sensitive values are `***`. */
export interface StatusDocument {
  readonly format: 1;
  readonly deployment: string;
  /** Path of the plan file; null before the first `up` recorded it. */
  readonly plan: string | null;
  readonly state: GroupState;
  readonly operation: {
    readonly kind: OperationKind;
    readonly owner: string;
    readonly startedAt: string;
    readonly endedAt: string | null;
    readonly outcome: Outcome | null;
  } | null;
  /** When the deployment is over; null: never. */
  readonly expiresAt: string | null;
  readonly levels: readonly LevelStatus[];
}

export interface LevelStatus {
  readonly name: string;
  readonly state: GroupState;
  readonly services: readonly ServiceStatus[];
}

export interface ServiceStatus {
  readonly name: string;
  /** Most machines that are asked for. */
  readonly count: number;
  readonly min: number;
  readonly ready: number;
  /** What the plan says, where the service was scaled to something else; null: it was not. */
  readonly override: {
    readonly planned: Count;
    /** Names of machines that were removed and that it goes without. */
    readonly without: readonly string[];
  } | null;
  readonly state: GroupState;
  /** In index order: what the plan asks for, and what it no longer asks for and is still there. */
  readonly machines: readonly MachineStatus[];
}

export interface MachineStatus {
  readonly name: string;
  readonly index: number;
  readonly state: MachineState;
  readonly provider: string;
  readonly id: string | null;
  readonly hostname: string | null;
  readonly address: string | null;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
  /** As its provider was told; `***` where the value must not be shown or is not known. */
  readonly labels: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly attempts: { readonly launch: number; readonly bootstrap: number };
  readonly updatedAt: string;
  readonly failure: Failure | null;
}

/** How paths are shown: the plan's, which is absolute, and a log's, which is relative to the state directory. */
export interface StatusPaths {
  plan(path: string): string;
  log(path: string): string;
}

/** Everything that is known of a deployment, as status shows it. */
export function statusDocument(state: DeploymentState, paths: StatusPaths): StatusDocument {
  const { operation, plan } = state;
  const isDown = operation?.kind === 'down' && operation.only === undefined;
  const when = {
    ended: operation === null || operation.endedAt !== null,
    leaving: isDown && operation.outcome !== 'succeeded',
  };
  const levels = levelStatuses(state, when, paths);
  const counted = levels.filter((level) => level.services.some(isCounted));
  const emptied = counted.length === 0 && isDown && operation.outcome === 'succeeded';
  return {
    format: 1,
    deployment: state.name,
    plan: plan === null ? null : paths.plan(plan.path),
    state: plan === null ? 'pending' : emptied ? 'terminated' : combine(counted, when),
    operation:
      operation === null
        ? null
        : {
            kind: operation.kind,
            owner: operation.owner,
            startedAt: iso(operation.startedAt),
            endedAt: operation.endedAt === null ? null : iso(operation.endedAt),
            outcome: operation.outcome,
          },
    expiresAt: state.expiresAt === null ? null : iso(state.expiresAt),
    levels,
  };
}

type When = Parameters<typeof combinedState>[1];

function levelStatuses(state: DeploymentState, when: When, paths: StatusPaths): LevelStatus[] {
  const shown = machinesByLevel(state);
  const planned = state.plan?.levels ?? [];
  const names = new Set([...planned.map(({ name }) => name), ...shown.keys()]);
  return [...names].map((name) => {
    const machines = shown.get(name) ?? new Map<string, Machine[]>();
    const records = planned.find((level) => level.name === name)?.services ?? [];
    const recorded = new Set(records.map((record) => record.name));
    const unwanted = [...machines.keys()].filter((service) => !recorded.has(service));
    const services = [...records, ...unwanted.map(unwantedService)].map((record) =>
      serviceStatus(record, machines.get(record.name) ?? [], paths),
    );
    return { name, state: combine(services.filter(isCounted), when), services };
  });
}

type ShownRecord = Omit<ServiceRecord, 'provider'>;

/** Machines by level and service, in index order, without those that are neither wanted nor there. */
function machinesByLevel(state: DeploymentState): Map<string, Map<string, Machine[]>> {
  const levels = new Map<string, Map<string, Machine[]>>();
  for (const machine of state.machines.values()) {
    if (!machine.wanted && (machine.stage === 'gone' || machine.stage === 'none')) continue;
    const services = levels.get(machine.level) ?? new Map<string, Machine[]>();
    levels.set(machine.level, services);
    const machines = services.get(machine.service) ?? [];
    services.set(machine.service, machines);
    machines.push(machine);
  }
  for (const services of levels.values())
    for (const machines of services.values()) machines.sort((a, b) => a.index - b.index);
  return levels;
}

function unwantedService(name: string): ShownRecord {
  return { name, min: 0, max: 0 };
}

function serviceStatus(record: ShownRecord, machines: readonly Machine[], paths: StatusPaths): ServiceStatus {
  const { name, min, max, planned } = record;
  const statuses = machines.map((machine) => machineStatus(machine, paths));
  const state = serviceState(
    statuses.map((machine) => machine.state),
    { min, max },
  );
  const ready = machines.filter((machine, i) => machine.wanted && statuses[i]?.state === 'ready').length;
  const without = gapsIn(indexesOf(record)).map((index) => machineName(name, index));
  const override = planned === undefined ? null : { planned, without };
  return { name, count: max, min, ready, override, state, machines: statuses };
}

function machineStatus(machine: Machine, paths: StatusPaths): MachineStatus {
  const { name, index, attempts, failure } = machine;
  return {
    name,
    index,
    state: machineState(machine),
    ...whereabouts(machine),
    labels: machine.labels,
    outputs: maskedOutputs(machine),
    attempts: { launch: attempts.launch ?? 0, bootstrap: attempts.bootstrap ?? 0 },
    updatedAt: iso(machine.updatedAt),
    failure:
      failure === null
        ? null
        : { ...failure, logPath: failure.logPath === null ? null : paths.log(failure.logPath) },
  };
}

function maskedOutputs(machine: Machine): Record<string, string> {
  return Object.fromEntries(
    Object.entries(machine.outputs).map(([name, value]) => [name, isSensitive(value) ? MASK : value]),
  );
}

/** A service of no machines says nothing about its level. */
function isCounted(service: ServiceStatus): boolean {
  return service.machines.length > 0;
}

function combine(parts: readonly { readonly state: GroupState }[], when: When): GroupState {
  return combinedState(
    parts.map((part) => part.state),
    when,
  );
}

function iso(epochMilliseconds: number): string {
  return new Date(epochMilliseconds).toISOString();
}
