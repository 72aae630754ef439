import { firstIndexes, gapsIn } from '../count.ts';
import { UsageError } from '../errors.ts';
import type { CountOverride, FactBody } from '../fact.ts';
import { machineName } from '../machine.ts';
import { didYouMean } from '../nearest.ts';
import type { Plan, Service } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import { createJournal } from './journal.ts';
import { lockDeployment } from './lock-deployment.ts';
import type { OperationResult, ScaleChange, ScaleRequest, Wiring } from './operation.ts';
import { applyOverrides, isAsPlanned } from './overrides.ts';
import { goneAlone, planRecord } from './plan-record.ts';
import type { Fingerprint } from './made.ts';
import { refuseOver } from './expiry-time.ts';
import { refuseUp } from './protect.ts';
import { runOperation } from './run-operation.ts';
import { refuseTerminated } from './terminated.ts';
import { bringUp } from './up.ts';

/** Most machines of one service, as in the plan language. */
const MOST = 10_000;

/**
 * Brings a deployment to its plan with other numbers of machines, which are recorded and hold until the plan says the
 * same. Rejects as `up` does, with `UsageError` for a change that makes no sense: nothing is recorded then.
 */
export async function scale(
  wiring: Wiring,
  { plan, basis, changes, forceProtected = false, readPlan }: ScaleRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<OperationResult> {
  await using locked = await lockDeployment(wiring, plan.deployment, 'scale', { signal, basis });
  const { state } = locked;
  if (state.plan === null) throw new UsageError(`Deployment "${state.name}" has no plan`);
  refuseOver('scale', state, wiring.clock.now());
  const overrides = scaledOverrides(plan, state.overrides, changes);
  refuseScale(
    plan,
    { ...state, overrides },
    { forceProtected, fingerprint: (text) => wiring.store.fingerprint(text, state.uuid) },
  );
  const scaled = applyOverrides(plan, overrides);
  const record = { ...planRecord(scaled, state.plan.archive), inputs: state.plan.inputs };
  const isNew = goneAlone(state).length > 0 || JSON.stringify(state.plan) !== JSON.stringify(record);
  const journal = createJournal({
    state,
    store: wiring.store,
    clock: wiring.clock,
    onRecorded: (fact) => wiring.observe({ type: 'fact', fact }, state),
  });
  await journal.commit([
    ...overrideFacts(state.overrides, overrides),
    ...(isNew ? [{ type: 'plan-recorded', plan: record } as const] : []),
  ]);
  const start = { kind: 'scale', state, plan: scaled, readPlan, skipTeardown: false, signal } as const;
  return await runOperation(wiring, start, (running) => bringUp(running, scaled));
}

/**
 * Throws `UsageError` for a deployment that is down, and when it would terminate or replace protected machines.
 * `state`: with the overrides that it is to have.
 */
export function refuseScale(
  plan: Plan,
  state: DeploymentState,
  {
    forceProtected = false,
    fingerprint,
  }: { readonly forceProtected?: boolean | undefined; readonly fingerprint: Fingerprint },
): void {
  refuseTerminated('scale', state);
  if (!forceProtected) refuseUp(plan, state, fingerprint);
}

/** The overrides of a deployment after these changes, one after the other. Throws `UsageError`. */
export function scaledOverrides(
  plan: Plan,
  before: DeploymentState['overrides'],
  changes: readonly ScaleChange[],
): DeploymentState['overrides'] {
  const overrides = new Map(before);
  for (const change of changes) {
    const planned = serviceNamed(change.service, plan);
    const service = serviceNamed(change.service, applyOverrides(plan, overrides));
    if (plan.providers[planned.provider]?.type === 'operator')
      throw cannotScale(planned.name, "the operator's computer is one machine");
    const indexes = indexesAfter(service, change);
    const override = overrideTo(indexes, planned);
    if (isAsPlanned(override, planned)) overrides.delete(planned.name);
    else overrides.set(planned.name, override);
  }
  refuseHostless(applyOverrides(plan, overrides));
  return overrides;
}

/** Removed are the named machines, then those with the highest numbers; the lowest free numbers are the first that are added. */
function indexesAfter(service: Service, { count, remove }: ScaleChange): readonly number[] {
  const leaving = new Set(remove.map((machine) => indexNamed(machine, service)));
  const kept = service.indexes.filter((index) => !leaving.has(index));
  const before = service.indexes.length;
  const after = count === null ? kept.length : count.kind === 'to' ? count.machines : before + count.machines;
  if (!Number.isInteger(after) || after < 0 || after > MOST) {
    const asked =
      after < 0 ? `it has ${machinesIn(before)}` : `${after} is not a whole number from 0 to ${MOST}`;
    throw cannotScale(service.name, asked);
  }
  if (after <= kept.length) return kept.slice(0, after);
  if (leaving.size > 0 && after < before)
    throw cannotScale(
      service.name,
      `${machinesIn(before - after)} would go, and ${leaving.size} are named to be removed`,
    );
  const taken = new Set([...kept, ...leaving]);
  const added = firstIndexes(after - kept.length, [...taken]);
  return [...kept, ...added].sort((a, b) => a - b);
}

/** A service that is content with fewer than all of its machines stays so. */
function overrideTo(indexes: readonly number[], { count }: Service): CountOverride {
  const max = indexes.length;
  const min = count.min === count.max ? max : Math.min(count.min, max);
  return { count: { min, max }, without: gapsIn(indexes) };
}

function overrideFacts(
  before: DeploymentState['overrides'],
  after: DeploymentState['overrides'],
): readonly FactBody[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((service): readonly FactBody[] => {
    const override = after.get(service) ?? null;
    if (JSON.stringify(before.get(service) ?? null) === JSON.stringify(override)) return [];
    return [{ type: 'count-overridden', service, override }];
  });
}

function serviceNamed(name: string, plan: Plan): Service {
  const services = servicesOf(plan);
  const service = services.find((one) => one.name === name);
  if (service !== undefined) return service;
  const names = services.map((one) => one.name);
  throw new UsageError(
    `Cannot scale "${name}": the plan has no service of that name`,
    didYouMean(name, names) ?? `Its services are ${names.join(', ')}.`,
  );
}

function indexNamed(machine: string, { name, indexes }: Service): number {
  const index = indexes.find((one) => machineName(name, one) === machine);
  if (index !== undefined) return index;
  const names = indexes.map((one) => machineName(name, one));
  throw new UsageError(
    `Cannot remove "${machine}": it is no machine of service "${name}"`,
    didYouMean(machine, names) ?? (names.length === 0 ? 'It has none.' : `It has ${shortened(names)}.`),
  );
}

function refuseHostless(plan: Plan): void {
  for (const { name, count, colocate } of servicesOf(plan))
    if (colocate?.indexes.length === 0 && count.max > 0)
      throw cannotScale(colocate.service, `service "${name}" shares its machines, and none would be left`);
}

function cannotScale(service: string, why: string): UsageError {
  return new UsageError(`Cannot scale "${service}": ${why}`);
}

function machinesIn(count: number): string {
  return count === 1 ? '1 machine' : `${count} machines`;
}

function shortened(names: readonly string[]): string {
  return names.length <= 6 ? names.join(', ') : `${names[0] ?? ''} … ${names.at(-1) ?? ''}`;
}
