import { UsageError } from '../errors.ts';
import type { FactBody } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';
import { isOver } from './expiry-time.ts';
import type { ExtendRequest, Extension, OperationResult, Wiring } from './operation.ts';
import { lockDeployment } from './lock-deployment.ts';
import { runOperation } from './run-operation.ts';
import { tellExpiry } from './tell-expiry.ts';

/** The deployments that are over and not down. `now`: epoch milliseconds. */
export async function expired(
  store: Pick<Store, 'list'>,
  now: number,
): Promise<readonly DeploymentSummary[]> {
  return (await store.list()).filter((summary) => !summary.terminated && isOver(summary, now));
}

/**
 * Sets when a deployment is over, and tells its machines. Rejects with `LockedError`, `StateError`, or `UsageError` for
 * an unknown deployment, and for more time where there is no end. Fails when a machine could not be told.
 */
export async function extend(
  wiring: Wiring,
  { plan, extension, readPlan }: ExtendRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  const { deployment } = plan;
  await using locked = await lockDeployment(wiring, deployment, 'extend', { signal });
  const { state } = locked;
  if (!isLive(state))
    throw new UsageError(`Cannot extend "${deployment}": it has no machines`, 'Use up --ttl instead.');
  const expiresAt = extended(state, extension, wiring.clock.now());
  const start = { kind: 'extend', state, plan, readPlan, skipTeardown: false, signal } as const;
  return await runOperation(wiring, start, async (running) => {
    await running.journal.commit([{ type: 'expiry-set', expiresAt }]);
    return { succeeded: await tellExpiry(running), worked: true };
  });
}

function extended({ name, expiresAt }: DeploymentState, extension: Extension, now: number): number | null {
  switch (extension.kind) {
    case 'never':
      return null;
    case 'to':
      return now + extension.milliseconds;
    case 'by':
      if (expiresAt === null)
        throw new UsageError(
          `Cannot give "${name}" more time: it has no end`,
          'Use --to for an end that is so far from now.',
        );
      return Math.max(now, expiresAt) + extension.milliseconds;
    default:
      return extension satisfies never;
  }
}

/**
 * What an `up` says of the end: that of a new deployment, of a plan with another `ttl` than before, or of a `ttl` that is
 * given with it (milliseconds; null: none); nothing where the end stays as it is. Throws `UsageError` for a deployment
 * that is over and for which nobody says how it goes on.
 */
export function expiryOfUp(
  state: DeploymentState | null,
  { plan, ttl, now }: { readonly plan: Plan; readonly ttl: number | null | undefined; readonly now: number },
): readonly FactBody[] {
  const before = state?.expiresAt ?? null;
  const isNew = state === null || !isLive(state) || plan.ttl !== (state.plan?.ttl ?? null);
  const wasOver = before !== null && before <= now;
  if (ttl === undefined && !isNew && wasOver && plan.ttl === null)
    throw new UsageError(
      `Cannot bring up "${plan.deployment}": its time is over since ${new Date(before).toISOString()}`,
      'Give it more with --ttl or with plan extend, or take it down.',
    );
  if (ttl === undefined && !isNew && !wasOver) return [];
  const chosen = ttl === undefined ? plan.ttl : ttl;
  const expiresAt = chosen === null ? null : now + chosen;
  return expiresAt === before ? [] : [{ type: 'expiry-set', expiresAt }];
}

function isLive({ instances, batches }: DeploymentState): boolean {
  return instances.size > 0 || batches.size > 0;
}
