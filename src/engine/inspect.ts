import type { Failure } from '../failure.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { Observation } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Contexts } from './contexts.ts';
import { createContexts } from './contexts.ts';
import { createJournal } from './journal.ts';
import { olderPlans } from './older-plans.ts';
import type { Wiring } from './operation.ts';
import type { Cancel, PerformContext } from './perform/context.ts';
import { failureOf, messageOf } from './perform/context.ts';
import { perform } from './perform/perform.ts';
import { seenText } from './perform/seen-text.ts';
import { persist, targetOf } from './perform/use-connection.ts';
import { within } from './limit.ts';
import { goneAlone } from './plan-record.ts';
import { openProviders } from './providers.ts';
import type { PlanReader } from './retired.ts';
import { readOnce, retiredPlans } from './retired.ts';
import { silentLogs } from './silent-logs.ts';

/** What was found of one machine; `failure` null: it is as it was when it was ready. */
export interface Finding {
  readonly machine: string;
  readonly failure: Failure | null;
}

export interface InspectRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly state: DeploymentState;
  readonly readPlan: PlanReader;
  /** Milliseconds for each of asking, connecting and verifying, beside the plan's own limits. */
  readonly limit: number;
}

/**
 * Asks the providers, connects and verifies, all machines side by side, and changes and records nothing. Looks at the
 * machines that have an instance, and those that were ended while others stay; those that are not ready are asked for
 * and connected to, not verified.
 */
export async function inspect(
  wiring: Wiring,
  { plan, state, readPlan, limit }: InspectRequest,
  { signal }: Cancel,
): Promise<readonly Finding[]> {
  const { clock, store } = wiring;
  const quiet: Wiring = { ...wiring, logs: silentLogs, showOutput: false, observe: () => undefined };
  const journal = createJournal({ state, store, clock, onRecorded: () => undefined });
  const missed = new Set(goneAlone(state));
  const machines = [...state.machines.values()].filter(
    ({ id, name, stage }) => id !== null && (stage !== 'gone' || missed.has(name)),
  );
  const read = readOnce(readPlan);
  const older = await olderPlans(state, plan, read);
  const providers = openProviders(wiring, plan, { olderPlans: older, places: state.scopes, state });
  const contexts = createContexts({
    wiring: quiet,
    plan,
    retired: await retiredPlans(state, plan, read),
    journal,
    providers,
    leavesThings: false,
  });
  const { main } = contexts;
  try {
    await providers.open(new Set(machines.map(({ provider }) => provider)));
    const seen = await observe(machines, main, limit, { signal });
    return await Promise.all(
      machines.map(async (machine): Promise<Finding> => {
        const failure = observed(machine, seen, main) ?? (await reached(machine, main, limit, { signal }));
        if (failure !== null || machine.stage !== 'ready') return { machine: machine.name, failure };
        return { machine: machine.name, failure: await verified(machine, contexts, limit, { signal }) };
      }),
    );
  } finally {
    await providers.close();
  }
}

type Seen = ReadonlyMap<string, Observation | string>;

/** One question for all machines of a provider; a text says why it could not be asked. */
async function observe(
  machines: readonly Machine[],
  context: PerformContext,
  limit: number,
  cancel: Cancel,
): Promise<Seen> {
  const seen = new Map<string, Observation | string>();
  await Promise.all(
    [...new Set(machines.map(({ provider }) => provider))].map(async (name) => {
      const ids = machines.flatMap(({ provider, id }) => (provider === name && id !== null ? [id] : []));
      using time = within(limit, context, cancel);
      try {
        for (const [id, one] of await context.provider(name).describe(ids, time)) seen.set(id, one);
      } catch (error) {
        cancel.signal.throwIfAborted();
        for (const id of ids) seen.set(id, messageOf(error));
      }
    }),
  );
  return seen;
}

function observed(machine: Machine, seen: Seen, context: PerformContext): Failure | null {
  const one = seen.get(machine.id ?? '');
  if (typeof one === 'string') return failureOf('launch', 'error', `Cannot ask the provider: ${one}`);
  if (one?.state === 'running') return moved(machine, one);
  if (one?.state === 'stopped')
    return failureOf('launch', 'stopped', 'The machine is stopped: start, repair or up starts it');
  return failureOf('launch', 'lost', seenText(one ?? { state: 'unknown', reason: null }, machine, context));
}

/** It was stopped and started since: who has its old address now is nobody to be asked. */
function moved({ access, addresses }: Machine, { addresses: seen }: Observation): Failure | null {
  const host = access?.kind === 'ssh' ? access.host : undefined;
  if (host === undefined || addresses === null || seen === null) return null;
  const [before, now] = [addresses, seen].map(({ address, privateIp, publicIp }) =>
    [address, privateIp, publicIp].includes(host),
  );
  if (before !== true || now === true) return null;
  const message = `The machine is at "${seen.address}" now and was at "${host}": repair takes the new address`;
  return failureOf('connect', 'unreachable', message);
}

async function reached(
  machine: Machine,
  context: PerformContext,
  limit: number,
  cancel: Cancel,
): Promise<Failure | null> {
  if (machine.access === null) return null;
  using time = within(limit, context, cancel);
  let latest = 'no answer';
  const onBroken = (error: Error): void => void (latest = error.message);
  try {
    await persist(targetOf(machine, context), context, { signal: time.signal, onBroken }, (connection) =>
      connection.ready({ signal: time.signal }),
    );
    return null;
  } catch (error) {
    cancel.signal.throwIfAborted();
    const why = time.expired() ? latest : messageOf(error);
    return failureOf('connect', 'unreachable', `Cannot reach the machine: ${why}`);
  }
}

async function verified(
  machine: Machine,
  contexts: Contexts,
  limit: number,
  cancel: Cancel,
): Promise<Failure | null> {
  // Nobody knows any more how it is verified.
  if (contexts.serviceOf(machine) === undefined) return null;
  const step = { kind: 'verify', machine: machine.name } as const;
  const context = contexts.of(step);
  using time = within(limit, context, cancel);
  try {
    const facts = await perform(step, context, { signal: time.signal, lenient: time.signal });
    const failed = facts.find((fact) => fact.type === 'step-failed');
    return failed?.failed.failure ?? null;
  } catch (error) {
    cancel.signal.throwIfAborted();
    if (!time.expired()) throw error;
    return failureOf('verify', 'timeout', 'Its checks did not pass in time');
  }
}
