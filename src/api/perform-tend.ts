import { reboot } from '../engine/reboot.ts';
import { refuseReplace, replaceMachines } from '../engine/replace-machines.ts';
import { start } from '../engine/start.ts';
import { stop } from '../engine/stop.ts';
import { concerned } from '../engine/tend-selection.ts';
import type { TendResult } from '../engine/tend.ts';
import type { Share } from '../share.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { InputOptions } from './given-inputs.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { livePlan, planReader } from './recorded-plan.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

export type { MachineEnd, TendResult } from '../engine/tend.ts';

/** How it is done to several machines. */
export interface TendOptions extends InputOptions {
  /** One machine after the other. Default: false. */
  readonly serial?: boolean | undefined;
  /**
   * Most machines of each service at the same time, or a share of those that are selected, as `25%`. Default: all; of
   * `replace` the service's `update`.
   */
  readonly maxUnavailable?: Share | undefined;
  /** Begin on no other machine after a failure. Default: false; `replace` never does. */
  readonly failFast?: boolean | undefined;
  /** Milliseconds for each machine, from when it is begun on: what is not over then has failed. Default: no limit. */
  readonly timeout?: number | undefined;
}

export interface StopOptions extends TendOptions {
  /** Run teardown scripts first: what starts again is bootstrapped again. Default: false. */
  readonly teardown?: boolean | undefined;
}

export interface ReplaceOptions extends TendOptions {
  /** Replace machines of protected services too. Default: false. */
  readonly forceProtected?: boolean | undefined;
}

export type TendVerb = 'start' | 'stop' | 'reboot' | 'replace';

/** What is done to which machines. */
export interface TendTarget {
  readonly verb: TendVerb;
  readonly state: DeploymentState;
  /** Null: there are no machines that it could be done to. */
  readonly work: { readonly live: LivePlan; readonly selected: ReadonlySet<string> } | null;
  /** Names of the machines that it is done to. */
  readonly machines: readonly string[];
  readonly options: StopOptions & ReplaceOptions;
}

/** Reads what it takes to do this to the machines that a selector means. Rejects with `UsageError`. */
export async function tendTarget(
  session: Session,
  verb: TendVerb,
  { name, selector }: { readonly name: string; readonly selector: Selector },
  options: StopOptions & ReplaceOptions,
): Promise<TendTarget> {
  return await withStore(session.directory, async (store) => {
    const state = await loadDeployment(store, name);
    const selected = new Set(select(selector, state));
    if (selected.size === 0) return { verb, state, work: null, machines: [], options };
    const need = verb !== 'stop' ? 'all' : options.teardown === true ? 'teardown' : 'none';
    const live = await livePlan(session, store, name, options, need);
    const machines = concerned(verb, selected, live.state);
    if (verb === 'replace' && options.forceProtected !== true) refuseReplace(machines, live.state, live.plan);
    return { verb, state: live.state, work: { live, selected }, machines, options };
  });
}

/** Does this to machines. Rejects as the engine's functions do. */
export async function performTend(
  session: Session,
  { verb, state, work, options }: TendTarget,
  tools: OperationTools,
): Promise<TendResult> {
  if (work === null) return { outcome: 'succeeded', state, worked: false, machines: [] };
  const { serial = false, failFast = false, teardown = false, maxUnavailable, timeout } = options;
  const { plan, inputs } = work.live;
  const basis = work.live.state.plan;
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, state.name, inputs);
    const pace = { serial, failFast, maxUnavailable: maxUnavailable ?? null, timeout };
    const request = { plan, basis, readPlan, machines: work.selected, pace };
    switch (verb) {
      case 'start':
        return start(wiring, request, tools);
      case 'stop':
        return stop(wiring, { ...request, teardown }, tools);
      case 'reboot':
        return reboot(wiring, request, tools);
      case 'replace':
        return replaceMachines(wiring, { ...request, forceProtected: options.forceProtected }, tools);
      default:
        return verb satisfies never;
    }
  });
}
