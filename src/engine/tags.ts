import type { Tags } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Wiring } from './operation.ts';

/** What everything of a deployment carries at its providers. */
export function tagsOf({ name, uuid }: DeploymentState, { owner, store }: PlanWiring): Tags {
  return { deployment: name, uuid, owner, state: stateId(store) };
}

type PlanWiring = Pick<Wiring, 'owner'> & { readonly store: Pick<Wiring['store'], 'fingerprint'> };

/** Tells this state directory from others, at providers that many use. */
export function stateId({ fingerprint }: Pick<Wiring['store'], 'fingerprint'>): string {
  return fingerprint('state directory', null).slice(0, 16);
}
