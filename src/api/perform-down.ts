import { rmSync } from 'node:fs';
import type { Departures } from '../engine/departures.ts';
import { departures } from '../engine/departures.ts';
import { down } from '../engine/down.ts';
import type { OperationResult, Wiring } from '../engine/operation.ts';
import { protectedAmong, refuseDown } from '../engine/protect.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { UsageError } from '../errors.ts';
import { detachedLog } from './detached-log.ts';
import type { InputOptions, InputSource } from './given-inputs.ts';
import { inputSource, planOf } from './given-inputs.ts';
import { machinesThere } from './machines-there.ts';
import type { OperationTools } from './operation.ts';
import { planReader, providersUsed, readRecordedPlan } from './recorded-plan.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { sshDirectory } from './ssh-files.ts';
import { withWiring } from './wiring.ts';

export type { Departure, Departures } from '../engine/departures.ts';

export interface DownOptions extends InputOptions {
  /** Terminate without teardown scripts. Default: false. */
  readonly skipTeardown?: boolean | undefined;
  /** Terminate only these machines, and those that share them. Default: all. */
  readonly only?: Selector | undefined;
  /** Terminate machines of protected services too. Default: false. */
  readonly forceProtected?: boolean | undefined;
  /** Do nothing unless the time of the deployment is over. Default: false. */
  readonly ifExpired?: boolean | undefined;
  /** After success, remove its record, history and logs, too. Default: false. */
  readonly purge?: boolean | undefined;
}

/** What a `down` would end. */
export interface DownForecast extends Departures {
  /** Names of those that are protected. */
  readonly protected: readonly string[];
}

/** What a `down` is about. */
export interface DownTarget {
  readonly state: DeploymentState;
  /** Null when it is not needed and cannot be used. */
  readonly plan: Plan | null;
  readonly inputs: InputSource;
  readonly skipTeardown: boolean;
  readonly purge: boolean;
  readonly forceProtected: boolean;
  readonly ifExpired: boolean;
  /** Names of the machines that go; undefined: all. */
  readonly only: readonly string[] | undefined;
}

/**
 * The deployment with its plan as it keeps it. Rejects with `UsageError` when that cannot be used, or when protected
 * machines would go.
 */
export async function downTarget(
  session: Session,
  store: Pick<Store, 'loadSources'>,
  state: DeploymentState,
  options: DownOptions,
): Promise<DownTarget> {
  const inputs = inputSource(session, options);
  const { skipTeardown = false, purge = false, forceProtected = false, ifExpired = false } = options;
  const only = options.only === undefined ? undefined : select(options.only, state, { gone: true });
  if (purge && only !== undefined)
    throw new UsageError(`Cannot purge "${state.name}": only some of its machines go`);
  if (!forceProtected) refuseDown(state, only);
  const target = { state, inputs, skipTeardown, purge, forceProtected, ifExpired, only };
  if (state.plan === null) return { ...target, plan: null };
  const need = skipTeardown || machinesThere(state).length === 0 ? 'none' : 'teardown';
  const providers = providersUsed(state);
  const resolved = await readRecordedPlan(store, state, state.plan, { inputs, need, providers });
  const isOptional = skipTeardown && providers.every((name) => name === 'local');
  return { ...target, plan: isOptional ? resolved.plan : planOf({ ...resolved, warnings: [] }) };
}

/** What it would end, in the order in which it goes. */
export function departuresOf({ state, plan, skipTeardown, only }: DownTarget): DownForecast {
  const found = departures(state, { plan: skipTeardown ? null : plan, only });
  const names = found.levels.flatMap(({ machines }) => machines.map(({ machine }) => machine));
  return { ...found, protected: protectedAmong(names, state) };
}

/** Tears a deployment down. Rejects as the engine's `down` does. */
export async function performDown(
  session: Session,
  { state: { name }, plan, inputs, skipTeardown, purge, forceProtected, ifExpired, only }: DownTarget,
  tools: OperationTools,
): Promise<OperationResult> {
  return await withWiring(session, tools, async (wiring) => {
    const readPlan = planReader(wiring.store, name, inputs);
    const result = await down(
      wiring,
      { deployment: name, plan, skipTeardown, only, forceProtected, ifExpired, readPlan },
      tools,
    );
    if (purge && ifExpired && machinesThere(result.state).length > 0) return result;
    if (purge && result.outcome === 'succeeded') await purgeRecord(session, wiring, name, tools);
    else if (purge && result.outcome === 'failed')
      tools.emit({ type: 'warning', message: `"${name}" is not purged: not all went well` }, result.state);
    return result;
  });
}

async function purgeRecord(
  { directory }: Session,
  { store, owner, lockTimeout }: Wiring,
  name: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  await using lock = await store.lock(name, { owner, operation: 'down' }, { timeout: lockTimeout, signal });
  await store.purge(name);
  rmSync(detachedLog(directory, name), { force: true });
  rmSync(sshDirectory(directory, name), { recursive: true, force: true });
}
