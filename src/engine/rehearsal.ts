import type { FactBody } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState, Touched } from '../state/deployment-state.ts';
import { applyFact } from '../state/apply-fact.ts';
import { emptyState, nothingTouched } from '../state/deployment-state.ts';
import { emptyTallies } from '../state/tally.ts';
import type { Journal } from './journal.ts';
import { halfDown, planRecord } from './plan-record.ts';

/** A journal over a copy of a state: what is applied to it happens nowhere else. */
export interface Rehearsal extends Pick<Journal, 'state' | 'version' | 'takeTouched'> {
  apply(facts: readonly FactBody[]): void;
  /** Machines that go because their end had begun, although the plan asks for their names. */
  readonly begunAnew: readonly { readonly name: string }[];
}

/** The deployment as it is when `up` with this plan begins its work. */
export function createRehearsal(plan: Plan, before: DeploymentState | null): Rehearsal {
  const state = before === null ? emptyState({ name: plan.deployment, uuid: '', at: 0 }) : copyOf(before);
  const versions = new Map<string, number>();
  let touched: Touched = nothingTouched();

  function apply(facts: readonly FactBody[]): void {
    const changed = nothingTouched();
    for (const fact of facts) applyFact(state, { ...fact, at: 0 }, changed);
    for (const name of changed.machines) {
      touched.machines.add(name);
      const service = state.machines.get(name)?.service;
      if (service !== undefined) versions.set(service, (versions.get(service) ?? 0) + 1);
    }
    for (const service of changed.reached) touched.reached.add(service);
  }

  apply([{ type: 'plan-recorded', plan: planRecord(plan, '') }]);
  const anew = halfDown(state);
  apply(anew);
  const { digest: planDigest } = plan;
  const id = (state.operation?.id ?? 0) + 1;
  const operation = {
    id,
    kind: 'up',
    owner: '',
    planDigest,
    startedAt: 0,
    endedAt: null,
    outcome: null,
  } as const;
  apply([{ type: 'operation-started', operation }]);
  touched = nothingTouched();

  return {
    state,
    apply,
    version: (service) => versions.get(service) ?? 0,
    takeTouched() {
      const taken = touched;
      touched = nothingTouched();
      return taken;
    },
    begunAnew: anew.flatMap((fact) => (fact.type === 'instance-condemned' ? [{ name: fact.machine }] : [])),
  };
}

/** Its records are never changed in place, so that copies of the maps are a copy; the tallies are counted anew. */
function copyOf(state: DeploymentState): DeploymentState {
  return {
    ...state,
    overrides: new Map(state.overrides),
    machines: new Map(state.machines),
    instances: new Map(state.instances),
    condemned: new Set(state.condemned),
    batches: new Map(state.batches),
    scopes: new Map(state.scopes),
    tallies: emptyTallies(),
  };
}
