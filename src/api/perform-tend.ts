import { reboot } from '../engine/reboot.ts';
import { replaceMachines } from '../engine/replace-machines.ts';
import { start } from '../engine/start.ts';
import { stop } from '../engine/stop.ts';
import type { TendResult } from '../engine/tend.ts';
import type { InputOptions } from './given-inputs.ts';
import type { OperationTools } from './operation.ts';
import type { LivePlan } from './recorded-plan.ts';
import { planReader } from './recorded-plan.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { withWiring } from './wiring.ts';

export type { MachineEnd, TendResult } from '../engine/tend.ts';

/** How it is done to several machines. */
export interface TendOptions extends InputOptions {
  /** One machine after the other. Default: false. */
  readonly serial?: boolean | undefined;
  /** Most machines of each service at the same time. Default: all; of `replace` the service's `update`. */
  readonly maxUnavailable?: number | undefined;
  /** Begin on no other machine after a failure. Default: false; `replace` never does. */
  readonly failFast?: boolean | undefined;
}

export interface StopOptions extends TendOptions {
  /** Run teardown scripts first: what starts again is bootstrapped again. Default: false. */
  readonly teardown?: boolean | undefined;
}

export type TendVerb = 'start' | 'stop' | 'reboot' | 'replace';

/** Does this to the machines that a selector means. Rejects as the engine's functions do. */
export async function performTend(
  session: Session,
  verb: TendVerb,
  { state, plan, inputs }: LivePlan,
  selector: Selector,
  { serial = false, failFast = false, teardown = false, maxUnavailable }: StopOptions,
  tools: OperationTools,
): Promise<TendResult> {
  const machines = new Set(select(selector, state));
  return await withWiring(session, tools, (wiring) => {
    const readPlan = planReader(wiring.store, state.name, inputs);
    const request = {
      plan,
      readPlan,
      machines,
      pace: { serial, failFast, maxUnavailable: maxUnavailable ?? null },
    };
    switch (verb) {
      case 'start':
        return start(wiring, request, tools);
      case 'stop':
        return stop(wiring, { ...request, teardown }, tools);
      case 'reboot':
        return reboot(wiring, request, tools);
      case 'replace':
        return replaceMachines(wiring, request, tools);
      default:
        return verb satisfies never;
    }
  });
}
