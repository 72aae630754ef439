import { isIP } from 'node:net';
import { homedir, userInfo } from 'node:os';

import { StateError } from '../../errors.ts';
import { carriesTags, NO_SUCH_MACHINE, ProviderError, unknownMachine } from '../provider.ts';
import type { Cancel, Holding, LabelChange, Observation, PowerAnswer, Provider } from '../provider.ts';
import type { Operator } from './access.ts';
import { accessOf, endpointOf, hostHashes } from './access.ts';
import type { Wanted } from './choose.ts';
import { shortages, wantedBy } from './choose.ts';
import type { Claim } from './claims.ts';
import { openClaims } from './claims.ts';
import type { HostEntry } from './host-entry.ts';
import type { HostsConfig } from './inventory.ts';
import { openPool } from './inventory.ts';
import { takeHosts } from './launch.ts';
import type { SshConfig } from './ssh-config.ts';
import { readSshConfig } from './ssh-config.ts';

export interface HostsProviderOptions {
  readonly config: HostsConfig;
  /** Absolute path. */
  readonly stateDirectory: string;
  /** Whose `~/.ssh/config`, keys and agent count; absent: those of whoever runs this. */
  readonly operator?: Operator;
}

const ACCEPTED: PowerAnswer = { kind: 'accepted' };
const NOT_OURS: PowerAnswer = { kind: 'cannot', why: 'it is a host that plan did not make' };

/**
 * Machines that exist: a launch takes hosts out of a pool, and a termination gives them back. Who has which is known to
 * the state directory alone. Throws `UsageError` for a configuration that makes no sense.
 */
export function createHostsProvider(options: HostsProviderOptions): Provider {
  const { config } = options;
  const operator = options.operator ?? thisOperator();
  let readConfig: SshConfig | undefined;
  const sshConfig = (): SshConfig => (readConfig ??= readSshConfig(operator.home));
  const hashOf = hostHashes(sshConfig, operator);
  const pool = openPool(config, hashOf);
  const claims = openClaims(options.stateDirectory, hashOf);
  /** What the services that were looked at last still need, so that none takes what another one cannot do without. */
  const wanted = new Map<string, Wanted>();
  /** Hosts that were given back here: a machine that is replaced rather gets another one. */
  const givenBack = new Set<string>();

  function observe(claim: Claim): Observation {
    const host = pool.known.get(hashOf(claim.host)) ?? claim.host;
    const access = accessOf(host, sshConfig(), operator);
    return {
      id: claim.id,
      state: 'running',
      reason: null,
      addresses: {
        hostname: host.hostname ?? access.host,
        address: access.host,
        privateIp: isIP(access.host) === 0 ? null : access.host,
        publicIp: null,
      },
      access,
      batch: { token: claim.token, index: claim.index },
    };
  }

  /** The claims of this configuration; others of the state directory may be of another pool. */
  function own(): readonly Claim[] {
    return [...claims.all().values()].filter(({ provider }) => provider === config.name);
  }

  function answer(
    ids: readonly string[],
    act: (id: string) => PowerAnswer,
  ): ReadonlyMap<string, PowerAnswer> {
    return new Map(ids.map((id) => [id, act(id)]));
  }

  function giveBack(id: string): PowerAnswer {
    const claim = claims.find(id);
    if (claim !== undefined) givenBack.add(hashOf(claim.host));
    claims.giveBack(id);
    return ACCEPTED;
  }

  function cannot(id: string): PowerAnswer {
    return claims.find(id) === undefined ? NO_SUCH_MACHINE : NOT_OURS;
  }

  function relabel(id: string, { set, remove }: LabelChange): PowerAnswer {
    const claim = claims.find(id);
    if (claim === undefined) return NO_SUCH_MACHINE;
    const kept = Object.entries(claim.labels).filter(([key]) => !remove.includes(key));
    claims.replace({ ...claim, labels: { ...Object.fromEntries(kept), ...set } });
    return ACCEPTED;
  }

  function withGivenBackLast(hosts: readonly HostEntry[]): readonly HostEntry[] {
    if (givenBack.size === 0) return hosts;
    const isLast = (host: HostEntry): boolean => givenBack.has(hashOf(host));
    return [...hosts.filter((host) => !isLast(host)), ...hosts.filter(isLast)];
  }

  function freeOf(hosts: readonly HostEntry[]): readonly HostEntry[] {
    const held = claims.all();
    return hosts.filter((host) => !held.has(hashOf(host)));
  }

  return {
    type: 'hosts',
    keepsMachines: true,
    batchLimit: 1_000,
    pollInterval: 50,
    consistencyDelay: 0,
    apiCalls: new Map(),
    check: (previews, cancel) =>
      asked(cancel, async () => {
        const hosts = await pool.hosts(cancel);
        for (const each of previews) wanted.set(each.request.service, wantedBy(each));
        return shortages(hosts, freeOf(hosts), previews.map(wantedBy)).map((shortage) => ({
          ...shortage,
          hint: 'Add hosts to the pool, or take machines of another deployment down.',
        }));
      }),
    prepare: (_tags, _requests, cancel) => asked(cancel, () => null),
    release: (_tags, cancel) => asked(cancel, () => undefined),
    resolve: (request) => Promise.resolve({ kind: 'resolved', request, hostKey: null }),
    launch: (batch, cancel) =>
      asked(cancel, async () => {
        const hosts = await pool.hosts(cancel);
        const { service } = batch.request;
        const others = [...wanted.values()].filter((each) => each.service !== service);
        const taking = {
          provider: config.name,
          pool: withGivenBackLast(hosts),
          hashOf,
          others,
          claims,
          now: Date.now(),
        };
        const launched = takeHosts(batch, taking);
        const given = launched.kind === 'launched' ? launched.ids.filter((id) => id !== null).length : 0;
        const before = wanted.get(service);
        if (before !== undefined)
          wanted.set(service, { ...before, count: Math.max(0, before.count - given) });
        return launched;
      }),
    describe: (ids, cancel) =>
      asked(cancel, () => {
        const found = ids.map((id): [string, Observation] => {
          const claim = claims.find(id);
          return [id, claim === undefined ? unknownMachine(id) : observe(claim)];
        });
        return new Map(found);
      }),
    terminate: (ids, cancel) => asked(cancel, () => answer(ids, giveBack)),
    label: (changes, cancel) =>
      asked(
        cancel,
        () => new Map([...changes].map(([id, change]): [string, PowerAnswer] => [id, relabel(id, change)])),
      ),
    stop: (ids, cancel) => asked(cancel, () => answer(ids, cannot)),
    start: (ids, cancel) => asked(cancel, () => answer(ids, cannot)),
    reboot: (ids, cancel) => asked(cancel, () => answer(ids, cannot)),
    list: (tags, cancel) =>
      asked(cancel, () =>
        own()
          .filter((claim) => carriesTags(claim.tags, tags))
          .map(observe),
      ),
    holdings: (cancel) => asked(cancel, () => own().map(holdingOf)),
    remove: (holdings, cancel) =>
      asked(cancel, () =>
        answer(
          holdings.map(({ id }) => id),
          giveBack,
        ),
      ),
    jumpHost: ({ host, port, user }, login) =>
      endpointOf({ address: host, port, user }, sshConfig(), { ...operator, user: login }),
    close: () => Promise.resolve(),
  };
}

/** Rejects with the signal's reason, and with `ProviderError` where the state directory cannot be used. */
async function asked<T>({ signal }: Cancel, act: () => T | Promise<T>): Promise<T> {
  signal.throwIfAborted();
  try {
    return await act();
  } catch (error) {
    throw error instanceof StateError ? new ProviderError(error.message, { cause: error }) : error;
  }
}

function thisOperator(): Operator {
  return { home: homedir(), user: userInfo().username, environment: process.env };
}

function holdingOf({ id, machine, tags, token, since }: Claim): Holding {
  return { kind: 'machine', id, name: machine, tags, token, since };
}
