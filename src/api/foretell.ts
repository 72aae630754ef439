import type { Forecast } from '../engine/difference.ts';
import { forecast } from '../engine/forecast.ts';
import { retiredPlans } from '../engine/retired.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import type { InputSource } from './given-inputs.ts';
import { planReader } from './recorded-plan.ts';

/** What `up` would do. Reads the store and nothing else. */
export async function foretell(
  store: Pick<Store, 'load' | 'loadSources' | 'fingerprint'>,
  {
    plan,
    state,
    inputs,
  }: { readonly plan: Plan; readonly state: DeploymentState | null; readonly inputs: InputSource },
): Promise<Forecast> {
  if (state === null) return forecast(plan, null, { fingerprint: (text) => text, retired: new Map() });
  const retired = await retiredPlans(
    withoutServicesOf(plan, state),
    plan,
    planReader(store, state.name, inputs),
  );
  return forecast(plan, state, { fingerprint: (text) => store.fingerprint(text, state.uuid), retired });
}

/** The deployment once its machines of services that the plan does not have are not wanted any more. */
function withoutServicesOf(plan: Plan, state: DeploymentState): DeploymentState {
  const known = new Set(servicesOf(plan).map(({ name }) => name));
  const machines = [...state.machines].map(
    ([name, machine]) =>
      [name, known.has(machine.service) ? machine : { ...machine, wanted: false }] as const,
  );
  return { ...state, machines: new Map(machines) };
}
