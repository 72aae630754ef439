import type { Machine, PlanSource } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** Reads a plan again as the deployment keeps it; null when it cannot be used any more. */
export type PlanReader = (source: PlanSource) => Promise<Plan | null>;

/** Reads each plan once, however many ask for it. */
export function readOnce(read: PlanReader): PlanReader {
  const known = new Map<string, ReturnType<PlanReader>>();
  return (source) => {
    const key = `${source.archive} ${source.path}`;
    const reading = known.get(key) ?? read(source);
    known.set(key, reading);
    return reading;
  };
}

/**
 * The plans that say how machines go whose service the given plan does not have, by service: those that the machines
 * were bootstrapped under.
 */
export async function retiredPlans(
  state: DeploymentState,
  plan: Plan,
  read: PlanReader,
): Promise<ReadonlyMap<string, Plan>> {
  const known = new Set(servicesOf(plan).map(({ name }) => name));
  const plans = new Map<string, Plan>();
  for (const machine of state.machines.values()) {
    if (machine.wanted || known.has(machine.service) || plans.has(machine.service) || !isThere(machine))
      continue;
    const found = await read(machine.under);
    if (found !== null) plans.set(machine.service, found);
  }
  return plans;
}

function isThere(machine: Machine): machine is Machine & { readonly under: PlanSource } {
  return machine.under !== null && machine.stage !== 'gone';
}
