import { formatDuration } from '../../duration.ts';
import type { LevelRecord, OperationKind } from '../../fact.ts';
import type { Machine, MachineState } from '../../machine.ts';
import type { DeploymentState } from '../../api/deployment-state.ts';
import { machineState } from '../../api/deployment-state.ts';
import type { GroupState } from '../../api/deployment-state.ts';
import { combinedState, serviceState } from '../../api/deployment-state.ts';
import { clip } from './clip.ts';
import type { Style } from './style.ts';

export interface FrameOptions {
  readonly kind: OperationKind;
  readonly style: Style;
  readonly rows: number;
  readonly columns: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly now: number;
  /** When something last happened to a machine in this operation. */
  since(machine: string): number | undefined;
}

/** What there is no room for goes in the order of these: the greatest first. */
const RANK = { level: 1, service: 2, failure: 3, machine: 4 } as const;

interface Row {
  readonly rank: number;
  readonly state: GroupState | MachineState;
  readonly indent: string;
  readonly text: string;
}

/** An operation on one screen: a headline, levels, the services at work, and as many machines as there is room for. */
export function frame(state: DeploymentState, options: FrameOptions): readonly string[] {
  const { kind, style, rows, columns, startedAt, now } = options;
  const elapsed = formatDuration(Math.max(0, now - startedAt));
  const all = allRows(state, options);
  const room = Math.max(1, rows - 3);
  const cut = all.length > room;
  const kept = new Set(all.toSorted((a, b) => a.rank - b.rank).slice(0, room));
  return [
    `${style.bold(state.name)}  ${kind}  ${style.dim(elapsed)}`,
    ...all.filter((row) => kept.has(row)).map((row) => rowText(row, columns, style)),
    ...(cut ? [style.dim(`  … ${all.length - room} more`)] : []),
  ];
}

function allRows(state: DeploymentState, options: FrameOptions): readonly Row[] {
  const services = new Map<string, Machine[]>();
  for (const machine of state.machines.values()) {
    if (!machine.wanted && (machine.stage === 'gone' || machine.stage === 'none')) continue;
    const machines = services.get(machine.service);
    if (machines === undefined) services.set(machine.service, [machine]);
    else machines.push(machine);
  }
  const levels = state.plan?.levels ?? [];
  return (options.kind === 'down' || options.kind === 'stop' ? levels.toReversed() : levels).flatMap(
    (level) => levelRows(level, services, options),
  );
}

function levelRows(
  { name, services }: LevelRecord,
  all: ReadonlyMap<string, readonly Machine[]>,
  options: FrameOptions,
): readonly Row[] {
  const parts = services.map((service) => {
    const machines = all.get(service.name) ?? [];
    const states = machines.map(machineState);
    return { service, machines, states, state: serviceState(states, service) };
  });
  const counted = parts.filter(({ machines }) => machines.length > 0).map((part) => part.state);
  const state = combinedState(counted, { ended: false });
  const states = parts.flatMap((part) => part.states);
  const level: Row = {
    rank: RANK.level,
    state,
    indent: '',
    text: `${name}  ${progress(states, options.kind)}`,
  };
  if (state === 'ready' || state === 'pending' || state === 'terminated') return [level];
  return [
    level,
    ...parts.flatMap((part): readonly Row[] => [
      {
        rank: RANK.service,
        state: part.state,
        indent: '  ',
        text: `${part.service.name}  ${progress(part.states, options.kind)}${counts(part.states, options.kind)}`,
      },
      ...part.machines.flatMap((machine, i) => machineRows(machine, part.states[i] ?? 'pending', options)),
    ]),
  ];
}

function machineRows(machine: Machine, state: MachineState, { now, since }: FrameOptions): readonly Row[] {
  const { name, failure } = machine;
  if (state === 'failed' || state === 'lost') {
    const why = failure === null ? '' : `  ${failure.step}: ${failure.message}`;
    return [{ rank: RANK.failure, state, indent: '    ', text: `${name}  ${state}${why}` }];
  }
  if (state === 'ready' || state === 'pending' || state === 'terminated' || state === 'stopped') return [];
  const began = since(name);
  const took = began === undefined ? '' : `  ${formatDuration(Math.max(0, now - began))}`;
  return [{ rank: RANK.machine, state, indent: '    ', text: `${name}  ${state}${took}` }];
}

function progress(states: readonly MachineState[], kind: OperationKind): string {
  const goal = goalOf(kind);
  return `${states.filter((state) => state === goal).length}/${states.length} ${goal}`;
}

function goalOf(kind: OperationKind): 'terminated' | 'stopped' | 'ready' {
  if (kind === 'stop') return 'stopped';
  return kind === 'down' ? 'terminated' : 'ready';
}

/** `, 3 bootstrapping, 1 failed`: states on the way, and bad ones. */
function counts(states: readonly MachineState[], kind: OperationKind): string {
  const found = new Map<MachineState, number>();
  for (const state of states) found.set(state, (found.get(state) ?? 0) + 1);
  for (const settled of ['ready', 'pending', 'terminated', goalOf(kind)] as const) found.delete(settled);
  return [...found].map(([state, count]) => `, ${count} ${state}`).join('');
}

function rowText({ state, indent, text }: Row, columns: number, style: Style): string {
  return `${indent}${symbol(state, style)} ${clip(text, Math.max(10, columns - indent.length - 3))}`;
}

function symbol(state: GroupState | MachineState, style: Style): string {
  switch (state) {
    case 'ready':
      return style.good('✔');
    case 'failed':
    case 'lost':
      return style.bad('✘');
    case 'degraded':
    case 'stopped':
      return style.bad('●');
    case 'pending':
      return style.dim('○');
    case 'terminated':
      return style.dim('✔');
    case 'starting':
    case 'launching':
    case 'connecting':
    case 'bootstrapping':
    case 'verifying':
    case 'stopping':
    case 'terminating':
      return style.busy('●');
    default:
      return state satisfies never;
  }
}
