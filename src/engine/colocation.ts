import { instanceOf, shareOf } from '../colocation.ts';
import type { Machine } from '../machine.ts';
import { machineName } from '../machine.ts';
import type { Colocation, Service } from '../plan/plan.ts';
import type { Observation, PowerAnswer, Provider } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';

/** The machine that a colocated one shares; null: it has one of its own. */
export function hostOf(machine: Machine, service: Service, { machines }: DeploymentState): Machine | null {
  const name = hostName(service, machine.index);
  return name === null ? null : (machines.get(name) ?? null);
}

export function hostName({ colocate }: Pick<Service, 'colocate'>, index: number): string | null {
  return colocate === null ? null : machineName(colocate.service, hostIndex(colocate, index));
}

function hostIndex({ indexes }: Colocation, index: number): number {
  if (isThere(indexes, index)) return index;
  const at = index % Math.max(1, indexes.length);
  return indexes[at] ?? at;
}

/** Numbers without gaps, the ordinary ones, tell by their place. */
function isThere(indexes: readonly number[], index: number): boolean {
  return indexes[index] === index || (indexes.at(-1) !== indexes.length - 1 && indexes.includes(index));
}

const guests = new WeakMap<Service, ReadonlyMap<number, readonly string[]>>();

/** Machines of a service that share this one. */
export function guestsOn(host: Machine, service: Service): readonly string[] {
  if (service.colocate?.service !== host.service) return [];
  let known = guests.get(service);
  if (known === undefined) guests.set(service, (known = guestsByHost(service, service.colocate)));
  return known.get(host.index) ?? [];
}

function guestsByHost(
  { name, indexes }: Service,
  colocate: Colocation,
): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  for (const index of indexes) {
    const host = hostIndex(colocate, index);
    const group = found.get(host);
    if (group === undefined) found.set(host, [machineName(name, index)]);
    else group.push(machineName(name, index));
  }
  return found;
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
