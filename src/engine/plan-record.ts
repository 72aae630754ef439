import type { FactBody, PlanRecord } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** What a deployment keeps of a plan. */
export function planRecord(plan: Plan, archive: string): PlanRecord {
  return {
    digest: plan.digest,
    path: plan.path,
    name: plan.name,
    inputs: recordedInputs(plan),
    archive,
    levels: plan.levels.map(({ name, services }) => ({
      name,
      services: services.map(({ name: service, provider, count }) => ({ name: service, provider, ...count })),
    })),
  };
}

/**
 * Machines that the plan asks for and that a `down` or an earlier plan had begun to end: nobody knows what their
 * teardown left, so their instances go on leaving and their names begin anew.
 */
export function halfDown({ machines }: DeploymentState): readonly FactBody[] {
  return [...machines.values()].flatMap(({ name, generation, id, wanted, stage, attempts }) => {
    const isOnItsWay = stage === 'leaving' || (attempts.teardown ?? 0) > 0;
    if (!wanted || id === null || stage === 'gone' || !isOnItsWay) return [];
    return [{ type: 'instance-condemned', machine: name, generation, cause: 'its teardown had begun' }];
  });
}

function recordedInputs(plan: Plan): Readonly<Record<string, string>> {
  const given = Object.entries(plan.inputs).filter(
    ([, input]) => input.given && !input.sensitive && input.value !== undefined,
  );
  return Object.fromEntries(given.map(([name, { value }]) => [name, String(value)]));
}
