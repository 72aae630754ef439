import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../src/clock.ts';
import { systemClock } from '../../../src/clock.ts';
import { createAddresses } from './addresses.ts';
import { shutDown } from './actions/power-actions.ts';
import type { MachineBackend } from './backend.ts';
import type { Call } from './dispatch.ts';
import { createDispatcher } from './dispatch.ts';
import type { Fault } from './faults.ts';
import { createFaults } from './faults.ts';
import type { Instance, StateName, StateReason } from './instance.ts';
import { REASONS, redirect } from './instance.ts';
import { createPower } from './power.ts';
import type { Realm, Settings } from './realm.ts';
import { createRealm } from './realm.ts';
import type { Adversity, Place } from './adversity.ts';
import { createAdversity } from './adversity.ts';
import { startServer } from './server.ts';
import type { Account } from './signature.ts';
import { createSignatureCheck } from './signature.ts';
import type { Limits, Throttle } from './throttle.ts';
import { createThrottle } from './throttle.ts';
import type { Fixtures, GroupView, InstanceView, KeyPairView, VolumeView } from './views.ts';
import { fixturesOf, viewGroups, viewInstances, viewKeyPairs, viewVolumes } from './views.ts';

export interface Ec2Options {
  readonly clock?: Clock;
  /** Epoch milliseconds by which requests are signed; default: of the system. */
  readonly wall?: () => number;
  /** Default: one, with random keys. */
  readonly accounts?: readonly Account[];
  readonly regions?: readonly string[];
  /** Default: nothing lags or takes time; terminated instances are described for an hour. */
  readonly settings?: Partial<Settings>;
  /** Default: none. */
  readonly limits?: Limits | null;
  /** Quotas of on-demand and spot vCPUs of an account in a region; default: 100,000 each. */
  readonly vcpus?: number;
  readonly spotVcpus?: number;
  /** Belongs to the caller, who disposes of it after the endpoint. */
  readonly backend?: MachineBackend | null;
}

/** An EC2 of one's own; see contract.md. What takes no `Place` is about all accounts and regions. */
export interface Ec2Endpoint extends AsyncDisposable, Adversity {
  readonly url: string;
  /** The first region. */
  readonly region: string;
  /** Of the first account. */
  readonly credentials: Pick<Account, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>;
  readonly accounts: readonly Account[];
  readonly regions: readonly string[];
  readonly settings: Settings;
  readonly calls: readonly Call[];
  fixtures(place?: Place): Fixtures;
  instances(): readonly InstanceView[];
  volumes(): readonly VolumeView[];
  keyPairs(): readonly KeyPairView[];
  /** Those that were made: not the default ones. */
  securityGroups(): readonly GroupView[];
  /** The instance terminates at once, as if its hardware failed. */
  end(id: string, reason?: StateReason): void;
  /** Puts an instance into a state, in which it stays until a call changes it. */
  setState(id: string, state: StateName, reason?: StateReason): void;
  quota(vcpus: Place & { readonly onDemand?: number; readonly spot?: number }): void;
  /** Sets the addresses that are left in a subnet without the instances that there are. */
  subnetAddresses(id: string, addresses: number): void;
  /** Null: it is not there. */
  parameter(name: string, value: string | null, place?: Place): void;
  throttle(limits: Limits | null): void;
  /** Replaces the actions that are answered with UnauthorizedOperation. */
  deny(actions: readonly string[]): void;
  /** The credentials of an account (default: the first) are expired from now on, or no more. */
  expire(isExpired?: boolean, account?: string): void;
  break(action: string, fault: Fault & { readonly times?: number }): void;
  /** Resolves when the backend has done all that it was told so far; rejects with its errors. */
  settled(): Promise<void>;
}

export async function startEc2Endpoint(options: Ec2Options = {}): Promise<Ec2Endpoint> {
  const {
    clock = systemClock,
    wall = () => Date.now(),
    backend = null,
    vcpus = 100_000,
    spotVcpus = 100_000,
  } = options;
  const { regions = ['us-east-1', 'us-west-2', 'eu-central-1'], accounts = [randomAccount('123456789012')] } =
    options;
  const settings: Settings = {
    lag: 0,
    bootTime: 0,
    stopTime: 0,
    endTime: 0,
    terminatedVisibleFor: 3_600_000,
    ...options.settings,
  };
  const [home] = accounts;
  const [region] = regions;
  if (home === undefined || region === undefined)
    throw new Error('An endpoint needs an account and a region');
  let limits = options.limits ?? null;
  const power = createPower(clock, backend);
  const nextAddress = createAddresses();
  const realms = new Map<string, Realm>();
  const throttles = new Map<string, Throttle>();
  const faults = createFaults();
  const denied = new Set<string>();
  const expired = new Set<string>();
  const closing = new AbortController();

  const realmOf = (account: string, where: string): Realm =>
    remembered(realms, `${account} ${where}`, () =>
      createRealm(account, where, { clock, settings, power, nextAddress, vcpus, spotVcpus }),
    );
  for (const { id } of accounts) for (const where of regions) realmOf(id, where);
  const dispatcher = createDispatcher({
    clock,
    regions,
    faults,
    denied,
    authenticate: createSignatureCheck({ accounts, regions, expired, wall }),
    realmOf,
    throttleOf: (account, where) =>
      remembered(throttles, `${account} ${where}`, () => createThrottle(clock, limits)),
    closing: closing.signal,
  });
  const server = await startServer(dispatcher.answer);

  const realmAt = (place: Place = {}): Realm => realmOf(place.account ?? home.id, place.region ?? region);
  const everywhere = <T>(view: (realm: Realm) => readonly T[]): readonly T[] =>
    [...realms.values()].flatMap(view);

  function setState(id: string, state: StateName, reason: StateReason | null): void {
    const instance = everywhere(({ instances }) => [...instances.values()]).find((one) => one.id === id);
    if (instance === undefined) throw new Error(`There is no instance "${id}"`);
    changeState(instance, state, reason);
  }

  function changeState(instance: Instance, state: StateName, reason: StateReason | null): void {
    redirect(instance, clock.now(), [{ at: clock.now(), state, reason }]);
    power.follow(instance);
  }

  backend?.onShutdown?.((id) => {
    const instance = everywhere(({ instances }) => [...instances.values()]).find((one) => one.id === id);
    if (instance === undefined) return;
    shutDown(instance, { clock, settings });
    power.follow(instance);
  });

  return {
    ...createAdversity(realms, realmAt),
    url: server.url,
    region,
    credentials: credentialsOf(home),
    accounts,
    regions,
    settings,
    calls: dispatcher.calls,
    fixtures: (place) => fixturesOf(realmAt(place)),
    instances: () => everywhere(viewInstances),
    volumes: () => everywhere(viewVolumes),
    keyPairs: () => everywhere(viewKeyPairs),
    securityGroups: () => everywhere(viewGroups).filter(({ name }) => name !== 'default'),
    end: (id, reason = REASONS.internal) => setState(id, 'terminated', reason),
    setState: (id, state, reason) => setState(id, state, reason ?? null),
    quota({ onDemand, spot, ...place }) {
      const { quotas } = realmAt(place);
      if (onDemand !== undefined) quotas.onDemand = onDemand;
      if (spot !== undefined) quotas.spot = spot;
    },
    subnetAddresses(id, addresses) {
      const subnet = everywhere(({ subnets }) => subnets).find((one) => one.id === id);
      if (subnet === undefined) throw new Error(`There is no subnet "${id}"`);
      subnet.addresses = addresses;
    },
    parameter(name, value, place) {
      const { parameters } = realmAt(place);
      if (value === null) parameters.delete(name);
      else parameters.set(name, value);
    },
    throttle(next) {
      limits = next;
      for (const throttle of throttles.values()) throttle.limit(next);
    },
    deny(actions) {
      denied.clear();
      for (const action of actions) denied.add(action);
    },
    expire(isExpired = true, account = home.id) {
      const key = accounts.find(({ id }) => id === account)?.accessKeyId;
      if (key === undefined) throw new Error(`There is no account "${account}"`);
      if (isExpired) expired.add(key);
      else expired.delete(key);
    },
    break: faults.add,
    settled: power.settled,
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('The endpoint is closed'));
      await dispatcher.settled();
      await server[Symbol.asyncDispose]();
      await power[Symbol.asyncDispose]();
    },
  };
}

/** An account with keys of its own, which no other endpoint knows. */
export function randomAccount(id: string): Account {
  return {
    id,
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
}

/** As the SDK's clients take them. */
export function credentialsOf({
  accessKeyId,
  secretAccessKey,
  sessionToken,
}: Account): Ec2Endpoint['credentials'] {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  let found = known.get(key);
  if (found === undefined) {
    found = make();
    known.set(key, found);
  }
  return found;
}
