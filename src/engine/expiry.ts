import { isShared } from '../colocation.ts';
import { UsageError } from '../errors.ts';
import type { FactBody } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { Observation, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { providersOf } from '../state/deployment-state.ts';
import type { DeploymentSummary, Store } from '../state/store.ts';
import { hasBeenReached } from '../state/tally.ts';
import { isOver } from './expiry-time.ts';
import type { ExtendRequest, Extension, OperationResult, Wiring } from './operation.ts';
import { setShutdownTimer } from './perform/shutdown-timer.ts';
import type { Running } from './run-operation.ts';
import { runOperation } from './run-operation.ts';

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
  const holder = { owner: wiring.owner, operation: 'extend' } as const;
  await using lock = await wiring.store.lock(deployment, holder, { timeout: wiring.lockTimeout, signal });
  const state = await wiring.store.load(deployment);
  if (state === null) throw new UsageError(`There is no deployment "${deployment}"`);
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

/**
 * Tells every machine that there is when it ends by itself. False when one of them could not be told, or is gone. One
 * that is off is told when it starts.
 */
export async function tellExpiry(
  running: Running,
  { isForAll = true }: { /** False: those that are gone are no matter. */ readonly isForAll?: boolean } = {},
): Promise<boolean> {
  const { journal, providers } = running;
  const names = [...providersOf(journal.state)].filter((name) => !isShared(name));
  await providers.open(names);
  const answers = await Promise.all(
    names.map(async (name) => {
      const provider = providers.get(name);
      const ids = [...journal.state.instances.values()].flatMap((one) =>
        one.provider === name ? [one.id] : [],
      );
      if ((provider.expire === undefined && provider.endsOnShutdown !== true) || ids.length === 0)
        return true;
      try {
        return await tellMachines(provider, ids, running, isForAll);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        warn(running, `Cannot ask provider "${name}" for its machines: ${error.message}`);
        return false;
      }
    }),
  );
  return answers.every(Boolean);
}

async function tellMachines(
  provider: Provider,
  ids: readonly string[],
  running: Running,
  isForAll: boolean,
): Promise<boolean> {
  const { journal, context, signal } = running;
  const { state } = journal;
  const seen = await provider.describe(ids, { signal });
  const there = ids.filter((id) => !isGone(seen.get(id)?.state ?? 'unknown'));
  let isTold = true;
  const onRefused = (error: unknown): undefined => {
    if (!(error instanceof ProviderError)) throw error;
    warn(running, `Cannot tell provider "${provider.type}" when its machines end: ${error.message}`);
    isTold = false;
  };
  const refused = await provider.expire?.(there, state.expiresAt, { signal }).catch(onRefused);
  const machines = [...state.machines.values()].filter(
    ({ id, provider: name }) => !isShared(name) && id !== null,
  );
  const told = await Promise.all(
    machines.map(async (machine) => {
      const id = machine.id ?? '';
      if (!ids.includes(id)) return true;
      const answer = refused?.get(id);
      if (!there.includes(id)) return !isForAll || lacks(running, machine.name, 'it is gone');
      if (answer?.kind === 'cannot') return lacks(running, machine.name, answer.why);
      if (provider.endsOnShutdown !== true || !hasBeenReached(machine)) return true;
      if (seen.get(id)?.state !== 'running') return true;
      return await context.scripts.run(() => setShutdownTimer(machine, context, { signal }), { signal });
    }),
  );
  return isTold && told.every(Boolean);
}

function lacks(running: Running, machine: string, why: string): false {
  warn(running, `Cannot tell machine "${machine}" when it ends: ${why}`);
  return false;
}

/** Warns of machines of the plan that nobody but a `down` ends. */
export async function warnOfLasting(running: Running, plan: Plan): Promise<void> {
  const { journal, providers } = running;
  if (journal.state.expiresAt === null) return;
  const used = servicesOf(plan).filter(({ colocate, count }) => colocate === null && count.max > 0);
  const names = [...new Set(used.map(({ provider }) => provider))];
  await providers.open(names);
  const lasting = names.filter((name) => {
    const { expire, endsOnShutdown } = providers.get(name);
    return expire === undefined && endsOnShutdown !== true;
  });
  if (lasting.length === 0) return;
  const which = lasting.map((name) => `"${name}"`).join(', ');
  const whose = lasting.length === 1 ? `provider ${which} do` : `providers ${which} do`;
  warn(
    running,
    `Machines of ${whose} not end by themselves: only plan down, or plan down --expired, ends them`,
  );
}

function warn({ context }: Running, message: string): void {
  context.tell({ type: 'warning', message });
}

function isGone(state: Observation['state']): boolean {
  return state === 'terminating' || state === 'terminated' || state === 'unknown';
}
