import type { Pace } from '../../src/engine/tend-goal.ts';
import type { TendResult } from '../../src/engine/tend.ts';
import { reboot } from '../../src/engine/reboot.ts';
import { replaceMachines } from '../../src/engine/replace-machines.ts';
import { start } from '../../src/engine/start.ts';
import { stop } from '../../src/engine/stop.ts';
import type { Wiring } from '../../src/engine/operation.ts';
import type { PlanReader } from '../../src/engine/retired.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { machineState } from '../../src/state/machine-state.ts';
import type { Harness, ProcessEnd } from './harness.ts';
import type { KillPoint } from './mortal.ts';

export type Verb = 'start' | 'stop' | 'reboot' | 'replace';
export const VERBS = ['start', 'stop', 'reboot', 'replace'] as const satisfies readonly Verb[];

/** All machines at once. */
export const BATCH: Pace = { maxUnavailable: null, failFast: false };
/** One machine after the other. */
export const SERIAL: Pace = { maxUnavailable: 1, failFast: false, serial: true };

export interface Tending {
  /** Default: all that the deployment has. */
  readonly machines?: readonly string[];
  readonly pace?: Pace;
  readonly teardown?: boolean;
  readonly signal?: AbortSignal;
}

/** Does that to machines of a harness' deployment. */
export async function tend(
  { wiring, store }: Pick<Harness, 'wiring' | 'store'>,
  verb: Verb,
  plan: Plan,
  { machines, pace = BATCH, teardown = false, signal = new AbortController().signal }: Tending = {},
): Promise<TendResult> {
  const all = (await store.load(plan.deployment))?.machines.keys() ?? [];
  const readPlan: PlanReader = () => Promise.resolve(plan);
  const request = { plan, readPlan, machines: new Set(machines ?? all), pace };
  return await perform(verb, { ...request, teardown }, wiring, signal);
}

function perform(
  verb: Verb,
  request: Parameters<typeof stop>[1],
  wiring: Wiring,
  signal: AbortSignal,
): Promise<TendResult> {
  switch (verb) {
    case 'start':
      return start(wiring, request, { signal });
    case 'stop':
      return stop(wiring, request, { signal });
    case 'reboot':
      return reboot(wiring, request, { signal });
    case 'replace':
      return replaceMachines(wiring, request, { signal });
  }
}

/** The same in a process of its own, which is killed at that point; null: it was. */
export async function tendUntil(
  harness: Harness,
  verb: Verb,
  plan: Plan,
  at: KillPoint | null,
  options: Tending = {},
): Promise<ProcessEnd<TendResult>> {
  return await harness.inProcess(verb, at, (wiring) =>
    tend({ wiring, store: harness.store }, verb, plan, options),
  );
}

/** What became of machines, one per line: `web-0 done ready`. */
export function ends({ machines, state }: TendResult): readonly string[] {
  return machines.map(({ machine, became, failure }) => {
    const known = state.machines.get(machine);
    const is = known === undefined ? '' : ` ${machineState(known)}`;
    return `${machine} ${became}${is}${failure === null ? '' : ` (${failure.step}: ${failure.message})`}`;
  });
}
