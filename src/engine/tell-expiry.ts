import { isShared } from '../colocation.ts';
import type { FactBody } from '../fact.ts';
import type { Plan } from '../plan/plan.ts';
import { servicesOf } from '../plan/plan.ts';
import type { Observation, PowerAnswer, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { providersOf } from '../state/deployment-state.ts';
import { hasBeenReached } from '../state/tally.ts';
import { setShutdownTimer } from './perform/shutdown-timer.ts';
import type { Running } from './run-operation.ts';

/**
 * Tells every machine that there is when it ends by itself, and records that. False when one of them could not be told,
 * or is gone. One that is off is told when it starts.
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
  if (journal.state.isExpiryUntold) await journal.commit([{ type: 'expiry-told' }]);
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
  const known = new Set(ids);
  const seen = await provider.describe(ids, { signal });
  const there = new Set(ids.filter((id) => !isGone(seen.get(id)?.state ?? 'unknown')));
  const refused = await askToExpire(provider, [...there], running);
  await journal.commit(
    [...state.machines.values()].flatMap((machine): readonly FactBody[] => {
      const { name, id, generation } = machine;
      if (id === null || !known.has(id) || there.has(id) || !hasBeenReached(machine)) return [];
      // The next `up` looks for itself, and launches it again.
      return [{ type: 'machine-revised', machine: name, generation, to: 'look', cause: 'it may have ended' }];
    }),
  );
  const machines = [...state.machines.values()].filter(
    ({ id, provider: name }) => !isShared(name) && id !== null,
  );
  const told = await Promise.all(
    machines.map(async (machine) => {
      const id = machine.id ?? '';
      if (!known.has(id)) return true;
      const answer = refused?.get(id);
      if (!there.has(id)) return !isForAll || lacks(running, machine.name, 'it is gone');
      if (answer?.kind === 'cannot') return lacks(running, machine.name, answer.why);
      if (provider.endsOnShutdown !== true || !hasBeenReached(machine)) return true;
      if (seen.get(id)?.state !== 'running') return true;
      return await context.scripts.run(() => setShutdownTimer(machine, context, { signal }), { signal });
    }),
  );
  return refused !== null && told.every(Boolean);
}

/** Null: the provider would not. */
async function askToExpire(
  provider: Provider,
  ids: readonly string[],
  running: Running,
): Promise<ReadonlyMap<string, PowerAnswer> | null> {
  const { journal, signal } = running;
  try {
    return (await provider.expire?.(ids, journal.state.expiresAt, { signal })) ?? new Map();
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    warn(running, `Cannot tell provider "${provider.type}" when its machines end: ${error.message}`);
    return null;
  }
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
