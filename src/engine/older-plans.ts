import { declaredProvider } from '../colocation.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { PlanReader } from './retired.ts';

/**
 * The plans that declare the providers which machines still have and the given plan does not declare: those that the
 * machines were bootstrapped under, as far as they are kept and can be used.
 */
export async function olderPlans(
  { machines }: Pick<DeploymentState, 'machines'>,
  plan: Pick<Plan, 'providers'>,
  read: PlanReader,
): Promise<readonly Plan[]> {
  const plans = new Set<Plan>();
  const declared = new Set(Object.keys(plan.providers));
  for (const { provider, under, stage } of machines.values()) {
    if (under === null || stage === 'gone' || declared.has(declaredProvider(provider))) continue;
    const found = await read(under);
    if (found === null) continue;
    plans.add(found);
    for (const name of Object.keys(found.providers)) declared.add(name);
  }
  return [...plans];
}
