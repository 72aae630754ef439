import type { Clock } from '../../src/clock.ts';
import type {
  Holding,
  LabelChange,
  LaunchAnswer,
  LaunchBatch,
  LaunchRequest,
  Observation,
  PowerAnswer,
  Provider,
} from '../../src/providers/provider.ts';
import { ProviderError, unknownMachine } from '../../src/providers/provider.ts';

export type Call =
  | 'check'
  | 'prepare'
  | 'release'
  | 'resolve'
  | 'launch'
  | 'label'
  | 'describe'
  | 'terminate'
  | 'stop'
  | 'start'
  | 'reboot'
  | 'list'
  | 'holdings'
  | 'remove';

/** What goes wrong with one call. Times are milliseconds of the clock. */
export type CloudFault =
  /** It does not arrive. */
  | { readonly kind: 'fails' }
  | { readonly kind: 'throttles'; readonly retryAfter: number }
  /** It has its effect, and its answer is lost. */
  | { readonly kind: 'loses' }
  /** It has its effect after half of that time and answers after all of it, whatever becomes of the caller. */
  | { readonly kind: 'late'; readonly by: number }
  /** It arrives once more after that time. */
  | { readonly kind: 'twice'; readonly after: number }
  /** It gives one machine fewer than was asked for, if `min` allows that. */
  | { readonly kind: 'short' }
  /** A machine that runs ends by itself before the call arrives: the nth of those alive, counted around. */
  | { readonly kind: 'ends'; readonly nth: number };

export interface FakeInstance {
  readonly id: string;
  /** `web-0` */
  readonly name: string;
  readonly token: string;
  readonly index: number;
  readonly request: LaunchRequest;
  readonly launchedAt: number;
  readonly host: string;
  /** When it was switched on last; null: it is off. */
  onSince: number | null;
  /** When it was switched off last; null: never. */
  offSince: number | null;
  endedAt: number | null;
  labels: Readonly<Record<string, string>>;
}

export interface FakeCloudOptions {
  readonly clock: Clock;
  /** Milliseconds of the clock. */
  readonly bootTime?: number;
  readonly endTime?: number;
  /** Milliseconds of the clock for which a machine that is stopped is on its way. */
  readonly stopTime?: number;
  readonly batchLimit?: number;
  readonly consistencyDelay?: number;
  /** Milliseconds of the clock for which a launched machine is missing from `describe` and `list`. */
  readonly visibleAfter?: number;
}

/** A cloud in memory; `fake-cloud.md` is its contract. */
export interface FakeCloud extends Provider {
  readonly calls: Record<Call, number>;
  /** Every instance that was ever launched, in order. */
  readonly instances: FakeInstance[];
  /** Names of machines that are not terminated, in order of launch. */
  alive(): readonly string[];
  /** Ids of the same. */
  aliveIds(): readonly string[];
  isRunning(id: string): boolean;
  /** Ends a machine as if its hardware failed. */
  end(id: string): void;
  /** Uuids of the deployments that `prepare` made something for. */
  readonly prepared: Set<string>;
  /** Asked before each call what goes wrong with it; null: nothing. */
  fault: (call: Call) => CloudFault | null;
  capacity: number;
  keepsMachines: boolean;
  canReboot: boolean;
  /** Ids for which a reboot was asked, in order. */
  readonly rebooted: string[];
  readonly undying: Set<string>;
  readonly stillborn: Set<string>;
  refuse(times: number, retryAfter: number | null, more?: { readonly elsewhere?: boolean }): void;
  /** What `launch` tells of machines that it does not give; null: nothing more can be had. */
  again: { readonly retryAfter: number | null; readonly elsewhere?: boolean } | null;
  /** The host key that `resolve` gives to the machines of a batch. */
  hostKey: string | null;
  /** Why `resolve` refuses a request. */
  refuseRequests: string | null;
  break(call: Call): void;
  mend(call: Call): void;
}

export function createFakeCloud(options: FakeCloudOptions): FakeCloud {
  const { clock, bootTime = 0, endTime = 0, stopTime = 0, visibleAfter = 0 } = options;
  const calls: FakeCloud['calls'] = {
    check: 0,
    prepare: 0,
    release: 0,
    resolve: 0,
    launch: 0,
    label: 0,
    describe: 0,
    terminate: 0,
    stop: 0,
    start: 0,
    reboot: 0,
    list: 0,
    holdings: 0,
    remove: 0,
  };
  const instances: FakeInstance[] = [];
  const byId = new Map<string, FakeInstance>();
  const answers = new Map<string, LaunchAnswer>();
  const broken = new Set<Call>();
  const forever = { signal: new AbortController().signal };
  const refusals = { left: 0, retryAfter: null as number | null, elsewhere: false };

  /** One call: what is asked for one by one goes wrong first, then what `fault` says. */
  async function call<T>(name: Call, signal: AbortSignal, effect: (isShort: boolean) => T): Promise<T> {
    signal.throwIfAborted();
    calls[name] += 1;
    if (broken.has(name)) throw new ProviderError(`the fake cloud does not answer "${name}"`);
    const fault = cloud.fault(name);
    await Promise.resolve();
    switch (fault?.kind) {
      case undefined:
        return effect(false);
      case 'fails':
        throw new ProviderError(`the fake cloud cannot be reached for "${name}"`);
      case 'throttles':
        throw new ProviderError('the fake cloud throttles', { retryAfter: fault.retryAfter });
      case 'loses':
        effect(false);
        throw new ProviderError(`the fake cloud lost the answer of "${name}"`);
      case 'late': {
        await clock.sleep(fault.by / 2, forever);
        const answer = effect(false);
        await clock.sleep(fault.by / 2, forever);
        return answer;
      }
      case 'twice':
        clock.after(fault.after, () => void effect(false));
        return effect(false);
      case 'short':
        return effect(true);
      case 'ends': {
        const ids = cloud.aliveIds();
        const id = ids[fault.nth % Math.max(1, ids.length)];
        if (id !== undefined) cloud.end(id);
        return effect(false);
      }
    }
  }

  function isAlive(instance: FakeInstance): boolean {
    return stateOf(instance) !== 'terminated';
  }

  function stateOf(instance: FakeInstance): Observation['state'] {
    const now = clock.now();
    if (instance.endedAt !== null) return now >= instance.endedAt + endTime ? 'terminated' : 'terminating';
    if (cloud.stillborn.has(instance.name)) return 'terminated';
    if (instance.onSince === null) return now >= (instance.offSince ?? 0) + stopTime ? 'stopped' : 'stopping';
    return now >= instance.onSince + bootTime ? 'running' : 'pending';
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

  const cloud: FakeCloud = {
    type: 'fake',
    keepsMachines: false,
    batchLimit: options.batchLimit ?? 1_000,
    pollInterval: 100,
    consistencyDelay: options.consistencyDelay ?? 0,
    apiCalls: new Map(),
    calls,
    instances,
    prepared: new Set(),
    fault: () => null,
    capacity: Infinity,
    canReboot: true,
    again: null,
    hostKey: null,
    refuseRequests: null,
    rebooted: [],
    undying: new Set(),
    stillborn: new Set(),
    alive: () => instances.filter(isAlive).map(({ name }) => name),
    aliveIds: () => instances.filter(isAlive).map(({ id }) => id),
    isRunning: (id) => {
      const instance = byId.get(id);
      return instance !== undefined && stateOf(instance) === 'running';
    },
    end(id) {
      const instance = byId.get(id);
      if (instance !== undefined) instance.endedAt ??= clock.now();
    },
    refuse(times, retryAfter, { elsewhere = false } = {}) {
      Object.assign(refusals, { left: times, retryAfter, elsewhere });
    },
    break: (name) => void broken.add(name),
    mend: (name) => void broken.delete(name),
    check: (_previews, { signal }) => call('check', signal, () => []),
    prepare: ({ uuid }, _requests, { signal }) =>
      call('prepare', signal, () => {
        cloud.prepared.add(uuid);
        return null;
      }),
    resolve: (request, { signal }) =>
      call('resolve', signal, () =>
        cloud.refuseRequests === null
          ? { kind: 'resolved', request, hostKey: cloud.hostKey }
          : { kind: 'refused', message: cloud.refuseRequests, retryAfter: null },
      ),
    release: ({ uuid }, { signal }) => call('release', signal, () => void cloud.prepared.delete(uuid)),
    launch: (batch, { signal }) => call('launch', signal, (isShort) => launch(batch, isShort)),
    describe: (ids, { signal }) => call('describe', signal, () => new Map(ids.map((id) => [id, seen(id)]))),
    terminate: (ids, { signal }) => call('terminate', signal, () => terminate(ids)),
    label: (changes, { signal }) => call('label', signal, () => label(changes)),
    stop: (ids, { signal }) => call('stop', signal, () => power(ids, () => null)),
    start: (ids, { signal }) =>
      call('start', signal, () => power(ids, ({ onSince }) => onSince ?? clock.now())),
    reboot: (ids, { signal }) => call('reboot', signal, () => reboot(ids)),
    list: ({ uuid }, { signal }) =>
      call('list', signal, () =>
        instances
          .filter((instance) => isAlive(instance) && isVisible(instance))
          .filter(({ request }) => uuid === undefined || request.tags.uuid === uuid)
          .map(observe),
      ),
    holdings: ({ signal }) =>
      call('holdings', signal, () =>
        instances.filter((instance) => isAlive(instance) && isVisible(instance)).map(holdingOf),
      ),
    remove: (holdings, { signal }) => call('remove', signal, () => terminate(holdings.map(({ id }) => id))),
    close: () => Promise.resolve(),
  };
  return cloud;

  function holdingOf({ id, name, request, token, launchedAt }: FakeInstance): Holding {
    return { kind: 'machine', id, name, tags: request.tags, token, since: launchedAt };
  }

  function launch({ token, machines, min, request }: LaunchBatch, isShort: boolean): LaunchAnswer {
    const known = answers.get(token);
    if (known !== undefined) return known;
    if (refusals.left > 0) {
      refusals.left -= 1;
      const { retryAfter, elsewhere } = refusals;
      return {
        kind: 'refused',
        message: 'the fake cloud is full',
        retryAfter,
        ...(elsewhere && { elsewhere }),
      };
    }
    const free = cloud.capacity - cloud.alive().length;
    const room = isShort ? Math.min(free, Math.max(min, machines.length - 1)) : free;
    if (room < min)
      return { kind: 'refused', message: `the fake cloud has room for ${room}`, retryAfter: null };
    const ids = machines.map(({ name }, index) => {
      if (index >= room) return null;
      const number = instances.length + 1;
      const host = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
      const id = `i-${number}`;
      const { labels } = request;
      const launchedAt = clock.now();
      const instance: FakeInstance = {
        id,
        name,
        token,
        index,
        request,
        launchedAt,
        onSince: launchedAt,
        offSince: null,
        host,
        endedAt: null,
        labels,
      };
      instances.push(instance);
      byId.set(id, instance);
      return id;
    });
    const whyFewer = ids.includes(null) ? `the fake cloud has room for ${room}` : null;
    const answer: LaunchAnswer = {
      kind: 'launched',
      ids,
      whyFewer,
      ...(cloud.again !== null && whyFewer !== null && { again: cloud.again }),
    };
    answers.set(token, answer);
    return answer;
  }

  function terminate(ids: readonly string[]): ReadonlyMap<string, PowerAnswer> {
    const all = new Map<string, PowerAnswer>();
    for (const id of ids) {
      const instance = byId.get(id);
      const isUndying = instance !== undefined && cloud.undying.has(instance.name);
      if (isUndying) all.set(id, { kind: 'cannot', why: 'termination protection is on' });
      else all.set(id, { kind: 'accepted' });
      if (!isUndying) cloud.end(id);
    }
    return all;
  }

  function power(
    ids: readonly string[],
    onSince: (instance: FakeInstance) => number | null,
  ): ReadonlyMap<string, PowerAnswer> {
    return new Map(
      ids.map((id): [string, PowerAnswer] => {
        const instance = byId.get(id);
        if (instance === undefined || !isAlive(instance))
          return [id, { kind: 'cannot', why: 'there is no such machine' }];
        const state = stateOf(instance);
        const isOn = onSince(instance) !== null;
        if (state === 'pending' || (state === 'stopping' && isOn))
          return [id, { kind: 'not-yet', why: `the machine is ${state}` }];
        if (!isOn && instance.onSince !== null) instance.offSince = clock.now();
        instance.onSince = onSince(instance);
        return [id, { kind: 'accepted' }];
      }),
    );
  }

  function reboot(ids: readonly string[]): ReadonlyMap<string, PowerAnswer> {
    for (const id of ids) cloud.rebooted.push(id);
    const answer: PowerAnswer = cloud.canReboot
      ? { kind: 'accepted' }
      : { kind: 'cannot', why: 'the fake cloud reboots nothing' };
    return new Map(ids.map((id) => [id, answer]));
  }

  function label(changes: ReadonlyMap<string, LabelChange>): ReadonlyMap<string, PowerAnswer> {
    for (const [id, { set, remove }] of changes) {
      const instance = byId.get(id);
      if (instance === undefined) continue;
      const kept = Object.entries(instance.labels).filter(([key]) => !remove.includes(key));
      instance.labels = { ...Object.fromEntries(kept), ...set };
    }
    return new Map([...changes.keys()].map((id) => [id, { kind: 'accepted' }]));
  }

  function isVisible(instance: FakeInstance): boolean {
    return clock.now() >= instance.launchedAt + visibleAfter;
  }

  function seen(id: string): Observation {
    const instance = byId.get(id);
    return instance === undefined || !isVisible(instance) ? unknownMachine(id) : observe(instance);
  }
}
