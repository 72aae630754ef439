import type { FactBody, PlanRecord, ServiceRecord } from '../fact.ts';
import type { Plan, Service } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** What a deployment keeps of a plan. */
export function planRecord(plan: Plan, archive: string): PlanRecord {
  return {
    digest: plan.digest,
    path: plan.path,
    name: plan.name,
    inputs: recordedInputs(plan),
    archive,
    ...(plan.ttl === null ? {} : { ttl: plan.ttl }),
    levels: plan.levels.map(({ name, services }) => ({
      name,
      services: services.map(serviceRecord),
    })),
  };
}

function serviceRecord({ name, provider, count, indexes, planned, protect }: Service): ServiceRecord {
  const isPlain = indexes.at(-1) === undefined || indexes.at(-1) === indexes.length - 1;
  return {
    name,
    provider,
    ...count,
    ...(isPlain ? {} : { indexes }),
    ...(planned === null ? {} : { planned }),
    ...(protect ? { protect } : {}),
  };
}

/**
 * Machines that the plan asks for and that a `down` or an earlier plan had begun to end: nobody knows what their
 * teardown left, so their instances go on leaving and their names begin anew.
 */
export function halfDown({ machines }: DeploymentState): readonly FactBody[] {
  return [...machines.values()].flatMap(
    ({ name, generation, id, wanted, stage, attempts, spentTeardowns = 0 }) => {
      const isForStop = stage === 'stopping' || stage === 'stopped';
      const hasBegun = !isForStop && (attempts.teardown ?? 0) > spentTeardowns;
      const isOnItsWay = stage === 'leaving' || hasBegun;
      if (!wanted || id === null || stage === 'gone' || !isOnItsWay) return [];
      return [{ type: 'instance-condemned', machine: name, generation, cause: 'its teardown had begun' }];
    },
  );
}

/** Machines that were ended while others stay are asked for again; a deployment that is down stays so. */
export function endedAlone(state: DeploymentState, plan: Plan): readonly FactBody[] {
  const { plan: kept } = state;
  if (kept === null || goneAlone(state).length === 0) return [];
  return [{ type: 'plan-recorded', plan: { ...planRecord(plan, kept.archive), inputs: kept.inputs } }];
}

/** Names of the wanted machines that were ended while others stay. */
export function goneAlone({ machines }: DeploymentState): readonly string[] {
  const wanted = [...machines.values()].filter((machine) => machine.wanted);
  const gone = wanted.filter(({ stage }) => stage === 'gone');
  return gone.length === wanted.length ? [] : gone.map(({ name }) => name);
}

function recordedInputs(plan: Plan): Readonly<Record<string, string>> {
  const given = Object.entries(plan.inputs).filter(
    ([, input]) => input.given && !input.sensitive && input.value !== undefined,
  );
  return Object.fromEntries(given.map(([name, { value }]) => [name, String(value)]));
}
