import type { Clock } from '../../clock.ts';
import { systemClock } from '../../clock.ts';
import type { Cancel, Observation, Provider, Tags } from '../provider.ts';
import { createAlternatives } from './alternatives.ts';
import type { Ec2Api } from './api.ts';
import { check } from './check.ts';
import type { Ec2Config } from './config.ts';
import { CONSISTENCY_LIMIT } from './consistency-limit.ts';
import { describeAll, IDS_PER_CALL, observationOf } from './describe.ts';
import { openEc2Api } from './ec2-client.ts';
import { expire } from './expire.ts';
import { holdings, removeHoldings } from './holdings.ts';
import { inPortWords } from './in-port-words.ts';
import { label } from './label.ts';
import { createLauncher } from './launch.ts';
import { createNameTags } from './name-tags.ts';
import { createNetworks } from './networks.ts';
import { createAccount, refuseOtherPlace } from './place.ts';
import type { Power } from './power.ts';
import { power } from './power.ts';
import { madeThings, prepare } from './prepare.ts';
import { NOT_TERMINATED, release } from './release.ts';
import { createResolver } from './resolve.ts';
import { createMadeGroups } from './security-group.ts';
import { tagFilters } from './tags.ts';

export interface Ec2ProviderOptions {
  /** Absolute path. */
  readonly stateDirectory: string;
  /** What an earlier `prepare` of the deployment answered; null: none did. */
  readonly place: string | null;
  readonly clock?: Clock;
  readonly api?: Ec2Api;
  /** Milliseconds; EC2's is a minute at most. */
  readonly consistencyDelay?: number;
  /** Address block of the operator; absent: it is found out. */
  readonly operator?: (cancel: Cancel) => Promise<string>;
}

/** One RunInstances call for more is answered late, and launches all or none of them. */
const BATCH_LIMIT = 100;

/**
 * Machines on EC2, or on a cloud that speaks its API. Rejects with `UsageError` when the deployment's machines are in
 * another region or cloud than the configuration says.
 */
export async function createEc2Provider(config: Ec2Config, options: Ec2ProviderOptions): Promise<Provider> {
  const { stateDirectory, place, clock = systemClock, operator } = options;
  refuseOtherPlace(config, place);
  const api = options.api ?? (await openEc2Api(config, { clock }));
  const account = createAccount(api, config, place);
  const networks = createNetworks(api);
  const groups = createMadeGroups({ api, config, clock, ...(operator && { operator }) });
  const alternatives = createAlternatives(clock);
  const nameTags = createNameTags(api, clock);
  const resolver = createResolver({ api, made: madeThings({ networks, groups }), alternatives });
  const launch = createLauncher({ api, alternatives, nameTags, clock });
  const parts = { api, config, account, networks, groups, stateDirectory, clock };
  const patient = { ...parts, pollInterval: config.pollInterval };
  let described = 0;

  function change(verb: Power): Provider['stop'] {
    return inPortWords((ids: readonly string[], cancel) => power(parts, verb, ids, cancel));
  }

  async function list(tags: Partial<Tags>, cancel: Cancel): Promise<readonly Observation[]> {
    const filters = { ...tagFilters(tags), 'instance-state-name': NOT_TERMINATED };
    const found = await api.findInstances(filters, cancel);
    if (found.length === 0) await account.mustOwn(cancel);
    return found.map((instance) => observationOf(instance, stateDirectory));
  }

  return {
    type: 'ec2',
    keepsMachines: false,
    endsOnShutdown: true,
    batchLimit: BATCH_LIMIT,
    consistencyDelay: options.consistencyDelay ?? CONSISTENCY_LIMIT,
    /** One call is made for each thousand machines and interval. */
    get pollInterval() {
      return config.pollInterval * Math.max(1, Math.ceil(described / IDS_PER_CALL));
    },
    apiCalls: api.calls,
    check: inPortWords((previews, cancel) => check({ ...parts, image: resolver.image }, previews, cancel)),
    prepare: inPortWords((tags, requests, cancel) => prepare(parts, tags, requests, cancel)),
    release: inPortWords((tags, cancel) => {
      groups.forget(tags);
      return release(patient, tags, cancel);
    }),
    resolve: inPortWords((request, cancel) => resolver.resolve(request, cancel)),
    launch: inPortWords((batch, cancel) => launch(batch, cancel)),
    describe: inPortWords((ids, cancel) => {
      described = ids.length;
      return describeAll(parts, ids, cancel);
    }),
    terminate: change('terminate'),
    label: inPortWords((changes, cancel) => label(api, changes, cancel)),
    expire: inPortWords((ids, expiresAt, cancel) => expire(api, ids, expiresAt, cancel)),
    stop: change('stop'),
    start: change('start'),
    reboot: change('reboot'),
    list: inPortWords(list),
    holdings: inPortWords((cancel) => holdings(api, cancel)),
    remove: inPortWords((wanted, cancel) => removeHoldings(patient, wanted, cancel)),
    async close() {
      await nameTags.close();
      api.close();
    },
  };
}
