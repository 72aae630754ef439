import { expired } from '../engine/expiry.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';
import { listDeployments } from './deployments.ts';

/** The newest deployment of every name that is over and not down. One that was moved away ends where it went. */
export async function listExpired(store: Pick<Store, 'list'>): Promise<readonly DeploymentSummary[]> {
  const over = await expired({ list: () => listDeployments(store) }, Date.now());
  return over.filter(({ movedBy }) => movedBy === undefined);
}
