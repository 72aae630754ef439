import { join } from 'node:path';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { StatusDocument } from '../state/status.ts';
import { statusDocument } from '../state/status.ts';
import type { Store } from '../state/store.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { InputOptions } from './given-inputs.ts';
import type { Session } from './session.ts';

export interface StatusOptions extends InputOptions {
  /** Ask providers, connect and verify again; nothing is recorded. Default: false, what is recorded. */
  readonly refresh?: boolean | undefined;
  /** Milliseconds that each look may take with `refresh`. Default: 10,000. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A deployment as status shows it; its plan and logs are absolute paths. */
export function statusOf(state: DeploymentState, { directory }: Pick<Session, 'directory'>): StatusDocument {
  return statusDocument(state, { plan: (path) => path, log: (path) => join(directory, path) });
}

export async function readStatus(
  session: Session,
  name: string,
  { refresh = false, limit = 10_000, signal, ...inputs }: StatusOptions & { readonly signal: AbortSignal },
): Promise<StatusDocument> {
  return await withStore(session.directory, async (store) => {
    const state = await loadDeployment(store, name);
    if (!refresh) return statusOf(state, session);
    const { livePlan } = await import('./recorded-plan.ts');
    const { look, withFindings } = await import('./look.ts');
    const live = await livePlan(session, store, name, inputs);
    return statusOf(withFindings(live.state, await look(session, store, live, { limit, signal })), session);
  });
}

/** True when the latest operation is recorded as under way and its process is gone. */
export async function isBroken(
  store: Pick<Store, 'load' | 'holder'>,
  { name, operation }: DeploymentState,
): Promise<boolean> {
  if (operation === null || operation.endedAt !== null) return false;
  const holder = await store.holder(name);
  if (holder !== null && holder.presence !== 'gone') return false;
  // It may have ended between the two looks.
  const now = (await store.load(name))?.operation;
  return now?.id === operation.id && now.endedAt === null;
}
