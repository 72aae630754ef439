import { expired } from '../engine/expiry.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';
import { listDeployments } from './deployments.ts';

/** The newest deployment of every name that is over and not down. */
export async function listExpired(store: Pick<Store, 'list'>): Promise<readonly DeploymentSummary[]> {
  return await expired({ list: () => listDeployments(store) }, Date.now());
}
