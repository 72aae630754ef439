import { instanceOf, shareOf } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Service } from '../plan/plan.ts';
import type { Observation, PowerAnswer, Provider } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** The machine that a colocated one shares; null: it has one of its own. */
export function hostOf(machine: Machine, service: Service, { machines }: DeploymentState): Machine | null {
  const name = hostName(service, machine.index);
  return name === null ? null : (machines.get(name) ?? null);
}

export function hostName({ colocate }: Pick<Service, 'colocate'>, index: number): string | null {
  return colocate === null ? null : machineName(colocate.service, index % Math.max(1, colocate.count));
}

/** Machines of a service that share this one. */
export function* guestsOn(host: Machine, { name, colocate, count }: Service): Generator<string> {
  if (colocate?.service !== host.service) return;
  for (let index = host.index; index < count.max; index += Math.max(1, colocate.count))
    yield machineName(name, index);
}

const POLL_INTERVAL = 50;
const CANNOT: PowerAnswer = { kind: 'cannot', why: 'it shares the machine of another service' };

/**
 * Machines of other services as a provider: a share is there for as long as the instance that it is of is the one that
 * its machine has. Everything is known from the state; nothing is launched, and nothing ends.
 */
export function createColocation({ machines, instances }: DeploymentState): Provider {
  const given = new Set<string>();
  const cannot = (ids: Iterable<string>): Promise<ReadonlyMap<string, PowerAnswer>> =>
    Promise.resolve(new Map([...ids].map((id) => [id, CANNOT])));

  function observe(id: string): Observation {
    const host = instances.get(instanceOf(id));
    const machine = machines.get(host?.machine ?? '');
    const isThere = machine !== undefined && machine.id === host?.id && !given.has(id);
    if (!isThere) {
      const reason = given.has(id) ? null : 'the machine that it shares is not there any more';
      return { id, state: 'terminated', reason, addresses: null, access: null, batch: null };
    }
    const { addresses, access } = machine;
    const state = addresses === null || access === null ? 'pending' : 'running';
    return { id, state, reason: null, addresses, access, batch: null };
  }

  return {
    type: 'colocated',
    keepsMachines: true,
    batchLimit: 1,
    pollInterval: POLL_INTERVAL,
    consistencyDelay: 0,
    apiCalls: new Map(),
    check: () => Promise.resolve([]),
    prepare: () => Promise.resolve(null),
    release: () => Promise.resolve(),
    resolve: (request) => Promise.resolve({ kind: 'resolved', request, hostKey: null }),
    launch({ machines: wanted, request }) {
      const { on } = request.options;
      const name = typeof on === 'string' ? on : '';
      const host = machines.get(name)?.id ?? null;
      if (host === null) {
        const message = `machine "${name}", which it shares, is not there`;
        return Promise.resolve({ kind: 'refused', message, retryAfter: POLL_INTERVAL });
      }
      const ids = wanted.map((machine) => shareOf(host, machine));
      return Promise.resolve({ kind: 'launched', ids, whyFewer: null });
    },
    describe: (ids) => Promise.resolve(new Map(ids.map((id) => [id, observe(id)]))),
    terminate(ids) {
      for (const id of ids) given.add(id);
      return Promise.resolve(new Map(ids.map((id) => [id, { kind: 'accepted' }])));
    },
    label: (changes) => cannot(changes.keys()),
    stop: cannot,
    start: cannot,
    reboot: cannot,
    list: () => Promise.resolve([]),
    holdings: () => Promise.resolve([]),
    remove: () => Promise.resolve(new Map()),
    close: () => Promise.resolve(),
  };
}
