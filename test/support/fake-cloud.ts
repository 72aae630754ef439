import type { Clock } from '../../src/clock.ts';
import type { LaunchRequest, Observation, PowerAnswer, Provider } from '../../src/providers/provider.ts';
import { ProviderError } from '../../src/providers/provider.ts';

type Call =
  | 'check'
  | 'prepare'
  | 'release'
  | 'launch'
  | 'describe'
  | 'terminate'
  | 'stop'
  | 'start'
  | 'reboot'
  | 'list';

interface FakeInstance {
  readonly id: string;
  /** `web-0`, and how often that name was launched before. */
  readonly name: string;
  readonly token: string;
  readonly index: number;
  readonly request: LaunchRequest;
  readonly launchedAt: number;
  readonly host: string;
  endedAt: number | null;
}

export interface FakeCloudOptions {
  readonly clock: Clock;
  /** Milliseconds of the clock. */
  readonly bootTime?: number;
  readonly endTime?: number;
  readonly batchLimit?: number;
  readonly consistencyDelay?: number;
}

/** A cloud in memory; `fake-cloud.md` is its contract. */
export interface FakeCloud extends Provider {
  readonly calls: Record<Call, number>;
  /** Every instance that was ever launched, in order. */
  readonly instances: FakeInstance[];
  /** Names of machines that are not terminated, in order of launch. */
  alive(): readonly string[];
  capacity: number;
  readonly undying: Set<string>;
  readonly stillborn: Set<string>;
  refuse(times: number, retryAfter: number | null): void;
  break(call: Call): void;
  mend(call: Call): void;
}

export function createFakeCloud(options: FakeCloudOptions): FakeCloud {
  const { clock, bootTime = 0, endTime = 0 } = options;
  const calls: FakeCloud['calls'] = {
    check: 0,
    prepare: 0,
    release: 0,
    launch: 0,
    describe: 0,
    terminate: 0,
    stop: 0,
    start: 0,
    reboot: 0,
    list: 0,
  };
  const instances: FakeInstance[] = [];
  const byId = new Map<string, FakeInstance>();
  const answers = new Map<string, readonly (string | null)[]>();
  const broken = new Set<Call>();
  const refusals = { left: 0, retryAfter: null as number | null };

  function begin(call: Call, signal: AbortSignal): void {
    signal.throwIfAborted();
    calls[call] += 1;
    if (broken.has(call)) throw new ProviderError(`the fake cloud does not answer "${call}"`);
  }

  function isAlive(instance: FakeInstance): boolean {
    return stateOf(instance) !== 'terminated';
  }

  function stateOf(instance: FakeInstance): Observation['state'] {
    const now = clock.now();
    if (instance.endedAt !== null) return now >= instance.endedAt + endTime ? 'terminated' : 'terminating';
    if (cloud.stillborn.has(instance.name)) return 'terminated';
    return now >= instance.launchedAt + bootTime ? 'running' : 'pending';
  }

  function observe(instance: FakeInstance): Observation {
    const state = stateOf(instance);
    const { id, host, token, index } = instance;
    const addresses = { hostname: host, address: host, privateIp: host, publicIp: null };
    const access = {
      kind: 'ssh',
      host,
      port: 22,
      user: 'fake',
      privateKey: '/nowhere',
      hostKey: null,
    } as const;
    const reason = cloud.stillborn.has(instance.name) ? 'Server.InternalError' : null;
    const isRunning = state === 'running';
    return {
      id,
      state,
      reason,
      addresses: isRunning ? addresses : null,
      access: isRunning ? access : null,
      batch: { token, index },
    };
  }

  const power = async (): Promise<ReadonlyMap<string, PowerAnswer>> => Promise.resolve(new Map());

  const cloud: FakeCloud = {
    type: 'fake',
    batchLimit: options.batchLimit ?? 1_000,
    pollInterval: 100,
    consistencyDelay: options.consistencyDelay ?? 0,
    calls,
    instances,
    capacity: Infinity,
    undying: new Set(),
    stillborn: new Set(),
    alive: () => instances.filter(isAlive).map(({ name }) => name),
    refuse(times, retryAfter) {
      refusals.left = times;
      refusals.retryAfter = retryAfter;
    },
    break: (call) => void broken.add(call),
    mend: (call) => void broken.delete(call),
    async check(_requests, { signal }) {
      begin('check', signal);
      return Promise.resolve([]);
    },
    async prepare(_tags, { signal }) {
      begin('prepare', signal);
      return Promise.resolve();
    },
    async release(_tags, { signal }) {
      begin('release', signal);
      return Promise.resolve();
    },
    async launch(batch, { signal }) {
      begin('launch', signal);
      await Promise.resolve();
      const known = answers.get(batch.token);
      if (known !== undefined) return { kind: 'launched', ids: known, whyFewer: null };
      if (refusals.left > 0) {
        refusals.left -= 1;
        return { kind: 'refused', message: 'the fake cloud is full', retryAfter: refusals.retryAfter };
      }
      const room = cloud.capacity - cloud.alive().length;
      if (room < batch.min)
        return { kind: 'refused', message: `the fake cloud has room for ${room}`, retryAfter: null };
      const ids = batch.machines.map(({ name }, index) => {
        if (index >= room) return null;
        const number = instances.length + 1;
        const host = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
        const { token, request } = batch;
        const instance = {
          id: `i-${number}`,
          name,
          token,
          index,
          request,
          launchedAt: clock.now(),
          host,
          endedAt: null,
        };
        instances.push(instance);
        byId.set(instance.id, instance);
        return instance.id;
      });
      answers.set(batch.token, ids);
      return {
        kind: 'launched',
        ids,
        whyFewer: ids.includes(null) ? `the fake cloud has room for ${room}` : null,
      };
    },
    async describe(ids, { signal }) {
      begin('describe', signal);
      await Promise.resolve();
      return new Map(ids.map((id) => [id, seen(id)]));
    },
    async terminate(ids, { signal }) {
      begin('terminate', signal);
      await Promise.resolve();
      const all = new Map<string, PowerAnswer>();
      for (const id of ids) {
        const instance = byId.get(id);
        const isUndying = instance !== undefined && cloud.undying.has(instance.name);
        if (isUndying) all.set(id, { kind: 'cannot', why: 'termination protection is on' });
        else all.set(id, { kind: 'accepted' });
        if (instance !== undefined && !isUndying) instance.endedAt ??= clock.now();
      }
      return all;
    },
    stop: power,
    start: power,
    reboot: power,
    async list(tags, { signal }) {
      begin('list', signal);
      await Promise.resolve();
      return instances
        .filter(
          (instance) =>
            isAlive(instance) && (tags.uuid === undefined || instance.request.tags.uuid === tags.uuid),
        )
        .map(observe);
    },
    close: () => Promise.resolve(),
  };
  return cloud;

  function seen(id: string): Observation {
    const instance = byId.get(id);
    return instance === undefined
      ? { id, state: 'unknown', reason: null, addresses: null, access: null, batch: null }
      : observe(instance);
  }
}
