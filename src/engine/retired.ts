import type { Machine, PlanSource } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** Reads a plan again as the deployment keeps it; null when it cannot be used any more. */
export type PlanReader = (source: PlanSource) => Promise<Plan | null>;

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
  const readBefore = new Map<string, Plan | null>();
  for (const machine of state.machines.values()) {
    if (machine.wanted || known.has(machine.service) || plans.has(machine.service) || !isThere(machine))
      continue;
    const { archive, path } = machine.under;
    const key = `${archive} ${path}`;
    const found = readBefore.has(key) ? (readBefore.get(key) ?? null) : await read({ archive, path });
    readBefore.set(key, found);
    if (found !== null) plans.set(machine.service, found);
  }
  return plans;
}

function isThere(machine: Machine): machine is Machine & { readonly under: PlanSource } {
  return machine.under !== null && machine.stage !== 'gone';
}
