import { existsSync, statSync } from 'node:fs';
import type { FollowedEnd } from '../api/attach.ts';
import type { DeploymentState } from '../api/deployment-state.ts';
import { machineState, statusDocument } from '../api/deployment-state.ts';
import { detachedLog } from '../api/detached-log.ts';
import { displayPath } from '../api/display-path.ts';
import { describeMoment } from '../api/unlock.ts';
import { formatDuration } from '../duration.ts';
import type { Machine } from '../machine.ts';
import type { Context } from './context.ts';

import type { Task } from './perform-task.ts';
import { hang } from './render/hang.ts';
import type { NextCommands } from './render/next-commands.ts';
import { nextCommands } from './render/next-commands.ts';

/** More failures than this are counted, not shown. */
const SHOWN_FAILURES = 5;

/** What is said at the end of an operation that another process performs. */
export function attachedTask(
  context: Context,
  { operation: { kind }, state }: FollowedEnd,
): Pick<Task, 'kind' | 'deployment' | 'next' | 'idle' | 'done'> {
  const { name } = state;
  const now = stateOf(state);
  const isReady = (now === 'ready' || now === 'degraded') && kind !== 'stop' && kind !== 'extend';
  return {
    kind,
    deployment: name,
    next: nextOf(context, state),
    idle: '',
    done: isReady ? null : `The ${kind} of "${name}" has succeeded: it is ${now}.`,
  };
}

/** How an operation ended that nobody followed, or that has no end; null: its report says it all. */
export function endWords(
  context: Context,
  { operation, state }: FollowedEnd,
  { directory, isFollowed }: { readonly directory: string; readonly isFollowed: boolean },
): string | null {
  const { kind, owner, startedAt, endedAt, outcome } = operation;
  const next = nextOf(context, state);
  const log = logLine(context, operation, { directory, name: state.name });
  if (endedAt === null)
    return [
      `The ${kind} by ${owner} broke off: its process is gone. What was done so far is recorded.`,
      ...log,
      `Next: ${goOn(kind, next)}`,
    ].join('\n');
  if (isFollowed) return outcome === 'succeeded' || log.length === 0 ? null : log.join('\n');
  const took = formatDuration(Math.max(0, endedAt - startedAt));
  const when = describeMoment(endedAt, Date.now());
  return [
    `No operation is under way on "${state.name}". The last, ${kind} by ${owner}, ended at ${when} after ${took}: ${outcome ?? 'unknown'}.`,
    ...(outcome === 'succeeded' ? [] : [...log, `Next: ${goOn(kind, next)}`, `      ${next.status}`]),
  ].join('\n');
}

/** What became of a deployment so far, in a few lines. */
export function soFarLines(state: DeploymentState): readonly string[] {
  const { levels } = statusDocument(state, { plan: (path) => path, log: (path) => path });
  const failed = [...state.machines.values()].filter(hasFailed);
  return [
    ...levels.map(({ name, services }) => {
      const states = services.flatMap(({ machines }) => machines.map((machine) => machine.state));
      const counts = new Map<string, number>();
      for (const one of states) counts.set(one, (counts.get(one) ?? 0) + 1);
      return `  ${name}  ${[...counts].map(([one, count]) => `${count} ${one}`).join(', ')}`;
    }),
    ...failed
      .slice(0, SHOWN_FAILURES)
      .map(({ name, failure }) => `  ${name}  ${failure?.step ?? ''}: ${hang(failure?.message ?? '', 4)}`),
    ...(failed.length > SHOWN_FAILURES ? [`  … and ${failed.length - SHOWN_FAILURES} more failures`] : []),
  ];
}

function hasFailed(machine: Machine): boolean {
  return machine.failure !== null && ['failed', 'lost'].includes(machineState(machine));
}

function stateOf(state: DeploymentState): string {
  return statusDocument(state, { plan: (path) => path, log: (path) => path }).state;
}

function nextOf(context: Context, { name, plan }: DeploymentState): NextCommands {
  const named = plan !== null && plan.name !== name;
  return nextCommands(context, { deployment: name, plan: plan?.path ?? null, named });
}

function goOn(kind: Task['kind'], next: NextCommands): string {
  return kind === 'down' || kind === 'repair' ? next[kind] : next.up;
}

/** Where a process in the background wrote what is not recorded. */
function logLine(
  { io }: Context,
  { startedAt }: FollowedEnd['operation'],
  { directory, name }: { readonly directory: string; readonly name: string },
): readonly string[] {
  const log = detachedLog(directory, name);
  if (!existsSync(log) || statSync(log).mtimeMs < startedAt) return [];
  return [`What it said is in ${displayPath(log, io.cwd)}`];
}
