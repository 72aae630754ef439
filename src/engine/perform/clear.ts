import { instanceOf, isShared } from '../../colocation.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Connection } from '../../connection/connection.ts';
import type { Target } from '../../connection/connection-pool.ts';
import type { Instance, Machine } from '../../machine.ts';
import { servicesOf } from '../../plan/plan.ts';
import type { Service } from '../../plan/plan.ts';
import { ProviderError } from '../../providers/provider.ts';
import type { Observation } from '../../providers/provider.ts';
import type { Cancel, PerformContext } from './context.ts';
import { baseOf, messageOf } from './context.ts';
import { accessOf } from './machine-access.ts';
import { passwordOf } from './password.ts';
import { within } from '../limit.ts';
import { LostError } from './lost-error.ts';
import { persist } from './use-connection.ts';

/**
 * Removes what the deployment has put on machines that stay when it goes. Answers, by id, why something is left.
 * `timeout`: milliseconds for each.
 */
export async function clear(
  providerName: string,
  ids: readonly string[],
  timeout: number,
  context: PerformContext,
  cancel: Cancel,
): Promise<ReadonlyMap<string, string>> {
  const used = ids.filter((id) => isUsed(id, context));
  if (used.length === 0) return new Map();
  const seen = await context.provider(providerName).describe(used, cancel);
  const problems = await Promise.all(
    used.map(async (id) => [id, await clearOne(id, seen.get(id), timeout, context, cancel)] as const),
  );
  return new Map(problems.flatMap(([id, problem]) => (problem === null ? [] : [[id, problem] as const])));
}

interface Tenant {
  readonly instance: Instance;
  readonly machine: Machine;
}

function tenantOf(id: string, { journal: { state } }: PerformContext): Tenant | null {
  const instance = state.instances.get(id);
  const machine = state.machines.get(instance?.machine ?? '');
  return instance === undefined || machine === undefined ? null : { instance, machine };
}

/** Nothing is put on a machine before its bootstrap begins. Of one that was replaced nobody knows any more. */
function isUsed(id: string, context: PerformContext): boolean {
  const tenant = tenantOf(id, context);
  return tenant !== null && (tenant.machine.id !== id || tenant.machine.under !== null);
}

async function clearOne(
  id: string,
  seen: Observation | undefined,
  timeout: number,
  context: PerformContext,
  cancel: Cancel,
): Promise<string | null> {
  const tenant = tenantOf(id, context);
  if (seen?.state === 'terminated' || seen?.state === 'unknown') return null;
  const target = tenant && targetOf(tenant, seen, context);
  if (tenant === null || target === null) return null;
  const { machine, instance } = tenant;
  if (await isOff(instance, context, cancel)) {
    const message = `Machine "${machine.name}": what was put on it stays there: it is stopped`;
    context.tell({ type: 'warning', message });
    return null;
  }
  const service = servicesOf(context.plan).find(({ name }) => name === machine.service);
  const base = baseOf(context, machine);
  // The machine that it shares waits for this before it is replaced, and perhaps because nobody reaches it.
  const connectWithin = isShared(instance.provider) ? service?.timeouts.connect : undefined;
  let latest = 'no answer';
  using limit = within(timeout, context, cancel);
  const options = {
    signal: limit.signal,
    onBroken: (error: Error): void => void (latest = error.message),
    ...(connectWithin !== undefined && { connectWithin }),
  };
  try {
    await context.scripts.run(
      () =>
        persist(target, context, options, async (connection) => {
          if (service !== undefined && isRaised(service)) {
            const problem = await clearAsRoot(connection, base, context, options);
            if (problem !== null)
              context.tell({ type: 'warning', message: `Machine "${machine.name}": ${problem}` });
          }
          await context.wiring.runner.clear(connection, { base, user: service?.user ?? null }, options);
        }),
      limit,
    );
    return null;
  } catch (error) {
    cancel.signal.throwIfAborted();
    if (error instanceof LostError) return null;
    if (!limit.expired() && !(error instanceof ConnectionError)) throw error;
    return `what was put on it cannot be removed: ${limit.expired() ? latest : messageOf(error)}`;
  }
}

/** Nobody reaches a share of a machine that is stopped, and it goes with that, or before it is started. */
async function isOff({ id, provider }: Instance, context: PerformContext, cancel: Cancel): Promise<boolean> {
  if (!isShared(provider)) return false;
  const { machines, instances } = context.journal.state;
  const shared = instances.get(instanceOf(id));
  if (shared === undefined) return false;
  const host = machines.get(shared.machine);
  if (host?.id === shared.id && host.stage === 'stopped') return true;
  // Of one that is on its way out it is not recorded.
  if (host?.id === shared.id && host.stage === 'ready') return false;
  try {
    const seen = await context.provider(shared.provider).describe([shared.id], cancel);
    return seen.get(shared.id)?.state === 'stopped';
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return false;
  }
}

/** True when a script of a service runs as root, whose files are in root's home, although the service's do not. */
function isRaised({ user, bootstrap, verify, teardown }: Service): boolean {
  const scripts = [
    bootstrap,
    teardown,
    ...verify.flatMap((check) => (check.kind === 'script' ? [check.script] : [])),
  ];
  return user !== 'root' && scripts.some((script) => script?.user === 'root');
}

/** Whom it does not let become root could not before either: that keeps no machine from going. */
async function clearAsRoot(
  connection: Connection,
  base: string,
  { wiring: { runner } }: PerformContext,
  options: Cancel,
): Promise<string | null> {
  try {
    await runner.clear(connection, { base, user: 'root' }, options);
    return null;
  } catch (error) {
    if (!(error instanceof ConnectionError) || error.problem !== 'failed') throw error;
    return `what scripts put on it as root cannot be removed: ${messageOf(error)}`;
  }
}

function targetOf(
  { instance: { id }, machine }: Tenant,
  seen: Observation | undefined,
  context: PerformContext,
): Target | null {
  const password = passwordOf(machine, context);
  if (machine.id === id && machine.access !== null)
    return { key: instanceOf(id), access: machine.access, ...password };
  if (seen?.access == null || seen.addresses === null) return null;
  const { access, addresses } = seen;
  return {
    key: instanceOf(id),
    access: accessOf({ access, addresses, pinned: null }, machine, context),
    ...password,
  };
}
