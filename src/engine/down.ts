import type { Plan } from '../plan/plan.ts';
import { ProviderError } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { providersOf } from '../state/deployment-state.ts';
import { leaversNamed } from './departures.ts';
import { isOver } from './expiry-time.ts';
import type { DownRequest, OperationResult, Wiring } from './operation.ts';
import type { Running } from './run-operation.ts';
import { refuseDown } from './protect.ts';
import { prepareTeardowns } from './prepare.ts';
import { lockDeployment } from './lock-deployment.ts';
import { runOperation } from './run-operation.ts';
import { tagsOf } from './tags.ts';

/**
 * Tears a deployment down, or some of its machines, levels in reverse order; goes on whatever fails. Rejects with
 * `LockedError`, `StateError`, or `UsageError` for an unknown deployment and for protected machines.
 */
export async function down(
  wiring: Wiring,
  { deployment, plan, skipTeardown, only, forceProtected = false, ifExpired = false, readPlan }: DownRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  await using locked = await lockDeployment(wiring, deployment, 'down', { signal });
  const { state } = locked;
  if (ifExpired && !isOver(state, wiring.clock.now())) return { outcome: 'succeeded', state, worked: false };
  if (!forceProtected) refuseDown(state, only);
  const known = plan ?? withoutScripts(deployment);
  const leavers = only === undefined ? undefined : leaversNamed(only, state);
  return await runOperation(
    wiring,
    { kind: 'down', state, plan: known, readPlan, skipTeardown, only: leavers, signal },
    (running) => bringDown(running, { torn: skipTeardown ? null : known, only: leavers }),
  );
}

/** `torn`: the plan by which machines are torn down; null: they are not. */
async function bringDown(
  running: Running,
  { torn, only }: { readonly torn: Plan | null; readonly only: ReadonlySet<string> | undefined },
) {
  const { journal, providers, signal } = running;
  const { state } = journal;
  const goal = { kind: 'down', only } as const;
  const isRecordOnly = state.instances.size === 0 && state.batches.size === 0 && state.scopes.size === 0;
  const worked = (only === undefined && !isRecordOnly) || running.hasWork(goal);
  if (only !== undefined && !worked) return { succeeded: areGone(state, only), worked };
  await providers.open(new Set([...state.scopes.keys(), ...providersOf(state)]));
  if (torn !== null) await prepareTeardowns(running, torn);
  await running.converge(goal);
  if (signal.aborted) return { succeeded: false, worked };
  // What providers made is for machines that stay, too, and for those that come back.
  const isLast = state.instances.size === 0 && state.batches.size === 0;
  const areReleased = only !== undefined && !isLast ? true : await release(running);
  return { succeeded: areGone(state, only) && areReleased && running.setbacks() === 0, worked };
}

function areGone({ machines }: DeploymentState, only: ReadonlySet<string> | undefined): boolean {
  for (const { name, stage } of machines.values())
    if (stage !== 'gone' && (only === undefined || only.has(name))) return false;
  return true;
}

/** Has providers remove what they made for the deployment, where no machine of it is left. */
async function release({ journal, providers, context, signal }: Running): Promise<boolean> {
  const { state } = journal;
  const left = providersOf(state);
  const tags = tagsOf(state, context.wiring);
  let areReleased = true;
  for (const provider of [...state.scopes.keys()]) {
    if (left.has(provider)) continue;
    try {
      await providers.get(provider).release(tags, { signal });
      await journal.commit([{ type: 'scope-released', provider }]);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      context.tell({
        type: 'warning',
        message: `Cannot remove what provider "${provider}" made: ${error.message}`,
      });
      areReleased = false;
    }
  }
  return areReleased;
}

/** Stands for a plan that cannot be read any more: no scripts, no inputs, providers known by their type. */
function withoutScripts(deployment: string): Plan {
  return {
    name: deployment,
    description: null,
    deployment,
    path: '',
    digest: '',
    inputs: {},
    providers: {},
    levels: [],
    ttl: null,
    sources: new Map(),
  };
}
