import { randomUUID } from 'node:crypto';
import { UsageError } from '../errors.ts';
import type { FactBody } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { emptyState } from '../state/deployment-state.ts';
import { openLevel } from '../state/tally.ts';
import { expiryOfUp } from './expiry.ts';
import { haveLeft } from './leave.ts';
import { createJournal } from './journal.ts';
import { askForMachines } from './no-wait.ts';
import type { OperationResult, UpRequest, Wiring } from './operation.ts';
import { applyOverrides, settledOverrides } from './overrides.ts';
import { halfDown, planRecord } from './plan-record.ts';
import { check, prepare } from './prepare.ts';
import { refuseUp } from './protect.ts';
import { openProviders } from './providers.ts';
import { providersNeeded } from './providers-needed.ts';
import type { Running } from './run-operation.ts';
import { runOperation } from './run-operation.ts';
import { tellExpiry, warnOfLasting } from './tell-expiry.ts';

/**
 * Brings a deployment to what its plan says. Rejects with `LockedError`, `StateError`, `UsageError` (a live
 * deployment of another plan file) or `OperationError` (the providers' checks found problems: nothing was launched).
 */
export async function up(
  wiring: Wiring,
  { plan: given, adopt, ttl, forceProtected = false, wait = true, readPlan }: UpRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  const holder = { owner: wiring.owner, operation: 'up' } as const;
  await using lock = await wiring.store.lock(given.deployment, holder, {
    timeout: wiring.lockTimeout,
    signal,
  });
  const loaded = await wiring.store.load(given.deployment);
  const plan = loaded === null ? given : applyOverrides(given, loaded.overrides);
  if (loaded !== null) refuseOtherPlan(loaded, plan, adopt);
  if (loaded !== null && !forceProtected)
    refuseUp(given, loaded, (text) => wiring.store.fingerprint(text, loaded.uuid));
  if (loaded !== null && loaded.plan?.digest !== plan.digest) await refuseOtherPlaces(wiring, loaded, plan);
  const expiry = expiryOfUp(loaded, { plan, ttl, now: wiring.clock.now() });
  const state = await recordPlan(wiring, loaded, { plan, expiry });
  const start = { kind: 'up', state, plan, readPlan, skipTeardown: false, signal } as const;
  return await runOperation(wiring, start, async (running) => {
    if (expiry.length > 0) await warnOfLasting(running, plan);
    // An operation that set it may have been cut off before it told them.
    if (expiry.length > 0 || state.isExpiryUntold) await tellExpiry(running, { isForAll: false });
    return await (wait ? bringUp : askForMachines)(running, plan);
  });
}

/** Converges to the plan, unless there is nothing to do. */
export async function bringUp(
  running: Running,
  plan: Plan,
): Promise<{ readonly succeeded: boolean; readonly worked: boolean }> {
  const { state } = running.journal;
  // Of a `repair`; an `up` records it with the plan.
  await running.journal.commit(halfDown(state));
  const goal = { kind: 'up', plan } as const;
  if (!running.hasWork(goal)) return { succeeded: isUp(running), worked: false };
  await running.journal.commit(unreached(state));
  await running.providers.open(providersNeeded(state));
  await check(running, plan);
  await prepare(running, plan);
  await running.converge(goal);
  return { succeeded: isUp(running) && running.setbacks() === 0, worked: true };
}

/** What ran and was not reached when an earlier operation ended may be anything by now: its provider is asked anew. */
function unreached({ machines }: DeploymentState): readonly FactBody[] {
  return [...machines.values()].flatMap(({ name, generation, stage, wanted }): readonly FactBody[] =>
    stage === 'running' && wanted
      ? [{ type: 'machine-revised', machine: name, generation, to: 'look', cause: 'it was not reached yet' }]
      : [],
  );
}

/** Every level is passed and as the plan says, and what it does not ask for is gone. */
export function isUp({ journal: { state }, isRevised }: Running): boolean {
  return (
    isRevised() && openLevel(state.tallies) === state.tallies.levels.length && haveLeft('unwanted', state)
  );
}

function refuseOtherPlan(state: DeploymentState, plan: Plan, adopt: boolean): void {
  const isLive = state.instances.size > 0 || state.batches.size > 0;
  if (adopt || !isLive || state.plan === null || state.plan.path === plan.path) return;
  throw new UsageError(
    `Cannot bring up "${plan.path}" as "${state.name}": a live deployment of that name belongs to "${state.plan.path}"`,
    'Use --name for a deployment of its own, or --adopt to bring the live one to this plan.',
  );
}

/**
 * Throws `UsageError` when the plan's providers are not where the deployment's machines are: before the plan takes the
 * place of the one by which these can be ended.
 */
async function refuseOtherPlaces(wiring: Wiring, { scopes }: DeploymentState, plan: Plan): Promise<void> {
  const names = [...scopes].flatMap(([name, place]) =>
    place !== null && Object.hasOwn(plan.providers, name) ? [name] : [],
  );
  const providers = openProviders(wiring, plan, { places: scopes });
  try {
    await providers.open(names);
  } finally {
    await providers.close();
  }
}

/** Records the plan where it is new or says something else than before, and makes the deployment where there is none. */
async function recordPlan(
  wiring: Wiring,
  loaded: DeploymentState | null,
  { plan, expiry }: { readonly plan: Plan; readonly expiry: readonly FactBody[] },
): Promise<DeploymentState> {
  const created = { type: 'deployment-created', name: plan.deployment, uuid: randomUUID() } as const;
  const state = loaded ?? emptyState({ ...created, at: wiring.clock.now() });
  const onRecorded = (fact: Parameters<Parameters<typeof createJournal>[0]['onRecorded']>[0]): void =>
    wiring.observe({ type: 'fact', fact }, state);
  const journal = createJournal({ state, store: wiring.store, clock: wiring.clock, onRecorded });
  const record = planRecord(plan, await wiring.store.saveSources(plan.sources));
  const isNew =
    JSON.stringify(state.plan) !== JSON.stringify(record) ||
    [...state.machines.values()].some(({ wanted, stage }) => wanted && stage === 'gone');
  const facts: FactBody[] = [
    ...(loaded === null ? [created] : []),
    ...expiry,
    ...settledOverrides(plan, state.overrides),
    ...(isNew ? [{ type: 'plan-recorded', plan: record } as const] : []),
  ];
  const recorded = journal.commit(facts);
  // In the same transaction, for which it does not wait.
  await Promise.all([recorded, journal.commit(halfDown(state))]);
  return state;
}
