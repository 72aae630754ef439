import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/clock.ts';
import type { Image, InstanceType } from './catalogue.ts';
import { imagesOf, INSTANCE_TYPES, parametersOf } from './catalogue.ts';
import { fixedId } from './ids.ts';
import type { Instance, StateReason } from './instance.ts';
import { stateOf } from './instance.ts';
import type { Power } from './power.ts';
import type { Tagged } from './tags.ts';
import { visibleTags } from './tags.ts';

/** Milliseconds of the clock; a test may change them at any time. */
export interface Settings {
  /** For which a launched instance, or a change of tags, is missing from calls. */
  lag: number;
  /** From pending to running. */
  bootTime: number;
  /** From stopping to stopped. */
  stopTime: number;
  /** From shutting-down to terminated. */
  endTime: number;
  /** For which a terminated instance is still described. */
  terminatedVisibleFor: number;
}

export interface Subnet extends Tagged {
  readonly id: string;
  readonly vpc: string;
  readonly zone: string;
  readonly cidr: string;
  readonly mapsPublicAddress: boolean;
  readonly isDefault: boolean;
  /** Addresses that are left without the instances of this endpoint. */
  addresses: number;
}

export interface Vpc extends Tagged {
  readonly id: string;
  readonly cidr: string;
  readonly isDefault: boolean;
}

export interface Permission {
  readonly protocol: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly peer: { readonly kind: 'cidr' | 'cidr6' | 'group'; readonly value: string };
  readonly description: string | null;
}

export interface Group extends Tagged {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly vpc: string;
  readonly order: number;
  ingress: readonly Permission[];
}

export interface KeyPair extends Tagged {
  readonly id: string;
  readonly name: string;
  readonly type: 'rsa' | 'ed25519';
  readonly fingerprint: string;
  /** Line of authorized_keys. */
  readonly publicKey: string;
  readonly createdAt: number;
}

export interface Volume extends Tagged {
  readonly id: string;
  readonly order: number;
  readonly zone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly snapshot: string | null;
  readonly createdAt: number;
  readonly device: string;
  readonly deleteOnTermination: boolean;
  readonly instance: Instance;
}

/** Launches of a type in a zone (null: of any) that go wrong or short. */
export interface Rule {
  readonly instanceType: string | null;
  readonly zone: string | null;
  /** How often it applies; infinite by default. */
  times: number;
  readonly effect:
    | { readonly kind: 'refuse'; readonly code: string; readonly message: string | null }
    | { readonly kind: 'limit'; left: number }
    /** Instances, not launches, are counted by `times`. */
    | { readonly kind: 'stillborn'; readonly after: number; readonly reason: StateReason };
}

/** Everything that an account has in a region. */
export interface Realm {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly power: Power;
  readonly zones: readonly string[];
  readonly images: Image[];
  readonly types: readonly InstanceType[];
  readonly parameters: Map<string, string>;
  readonly vpcs: readonly Vpc[];
  readonly subnets: readonly Subnet[];
  readonly groups: Map<string, Group>;
  /** By name. */
  readonly keyPairs: Map<string, KeyPair>;
  readonly instances: Map<string, Instance>;
  readonly volumes: Map<string, Volume>;
  /** Launches by client token. */
  readonly launches: Map<
    string,
    { readonly request: string; readonly reservation: string; readonly ids: readonly string[] }
  >;
  readonly rules: Rule[];
  readonly profiles: Set<string>;
  /** Names. */
  readonly placementGroups: Set<string>;
  /** vCPUs that may run at the same time. */
  readonly quotas: { onDemand: number; spot: number };
  nextOrder: () => number;
  /** A loopback address that no other instance of the endpoint has had. */
  readonly nextAddress: () => string;
}

export function createRealm(
  account: string,
  region: string,
  shared: Pick<Realm, 'clock' | 'settings' | 'power' | 'nextAddress'> & {
    readonly vcpus: number;
    readonly spotVcpus: number;
  },
): Realm {
  const { clock, settings, power, nextAddress } = shared;
  const now = clock.now();
  const plain = [{ since: now, tags: new Map<string, string>() }];
  const images = [...imagesOf(region)];
  const zones = ['a', 'b'].map((letter) => `${region}${letter}`);
  const vpc: Vpc = {
    id: fixedId('vpc', account, region),
    cidr: '172.31.0.0/16',
    isDefault: true,
    tags: [...plain],
  };
  const subnets = zones.map((zone, index): Subnet => ({
    id: fixedId('subnet', account, zone),
    vpc: vpc.id,
    zone,
    cidr: `172.31.${index * 16}.0/20`,
    mapsPublicAddress: true,
    isDefault: true,
    addresses: 4091,
    tags: [...plain],
  }));
  let order = 0;
  const group: Group = {
    id: fixedId('sg', account, region),
    name: 'default',
    description: 'default VPC security group',
    vpc: vpc.id,
    order: 0,
    ingress: [],
    tags: [...plain],
  };
  return {
    account,
    region,
    clock,
    settings,
    power,
    zones,
    images,
    types: INSTANCE_TYPES,
    parameters: new Map(parametersOf(images)),
    vpcs: [vpc],
    subnets,
    groups: new Map([[group.id, group]]),
    keyPairs: new Map(),
    instances: new Map(),
    volumes: new Map(),
    launches: new Map(),
    rules: [],
    profiles: new Set(['machine-role']),
    placementGroups: new Set(['close-together']),
    quotas: { onDemand: shared.vcpus, spot: shared.spotVcpus },
    nextOrder: () => (order += 1),
    nextAddress,
  };
}

export function tagsIn(realm: Realm, resource: Tagged): ReadonlyMap<string, string> {
  return visibleTags(resource, realm.clock.now(), realm.settings.lag);
}

/** Whether calls know of it: not yet for `lag` ms after its launch, no more some time after its end. */
export function isVisible({ clock, settings }: Realm, instance: Instance): boolean {
  const now = clock.now();
  if (now < instance.launchedAt + settings.lag) return false;
  const last = instance.timeline.at(-1);
  return last?.state !== 'terminated' || now < last.at + settings.terminatedVisibleFor;
}

/** Undefined: it was deleted with its instance. */
export function volumeState({ clock }: Realm, volume: Volume): 'in-use' | 'available' | undefined {
  if (stateOf(volume.instance, clock.now()) !== 'terminated') return 'in-use';
  return volume.deleteOnTermination ? undefined : 'available';
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
