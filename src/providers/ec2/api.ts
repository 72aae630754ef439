import type { Json } from '../../json.ts';
import type { Cancel } from '../provider.ts';

/**
 * EC2's API in this project's words: what `ec2-client.ts` makes of the SDK. Lists are complete (all pages). Every call
 * waits its turn in the account's and region's rate limit, is repeated with growing, jittered pauses when it is
 * throttled or cannot be delivered, and rejects with `Ec2Error` for what EC2 answers, with `ProviderError` when EC2
 * cannot be asked, or with the signal's reason.
 */
export interface Ec2Api {
  /** `us-west-2` */
  readonly region: string;
  /** Calls made so far, by EC2's name, repeated ones included. */
  readonly calls: ReadonlyMap<string, number>;
  /** `input`: RunInstances in EC2's own terms, as stored. */
  runInstances(input: RunInput, cancel: Cancel): Promise<readonly Ec2Instance[]>;
  /** Whether this RunInstances would be allowed and valid: null, or EC2's answer. */
  dryRunInstances(input: RunInput, cancel: Cancel): Promise<Ec2Error | null>;
  /** At most 1,000 ids; rejects with `InvalidInstanceID.NotFound` if one is missing. */
  describeInstances(ids: readonly string[], cancel: Cancel): Promise<readonly Ec2Instance[]>;
  findInstances(filters: Filters, cancel: Cancel): Promise<readonly Ec2Instance[]>;
  terminateInstances(ids: readonly string[], cancel: Cancel): Promise<void>;
  stopInstances(ids: readonly string[], cancel: Cancel): Promise<void>;
  startInstances(ids: readonly string[], cancel: Cancel): Promise<void>;
  rebootInstances(ids: readonly string[], cancel: Cancel): Promise<void>;
  /** What becomes of an instance that shuts itself down. */
  setShutdownBehavior(id: string, behavior: 'stop' | 'terminate', cancel: Cancel): Promise<void>;
  createTags(ids: readonly string[], tags: Readonly<Record<string, string>>, cancel: Cancel): Promise<void>;
  deleteTags(ids: readonly string[], keys: readonly string[], cancel: Cancel): Promise<void>;
  /** Newest first. By ids, rejecting with `InvalidAMIID.NotFound` for a missing one, or those that are available. */
  describeImages(wanted: ImageQuery, cancel: Cancel): Promise<readonly Ec2Image[]>;
  describeSubnets(filters: Filters, cancel: Cancel): Promise<readonly Ec2Subnet[]>;
  describeVpcs(filters: Filters, cancel: Cancel): Promise<readonly Ec2Vpc[]>;
  describeSecurityGroups(filters: Filters, cancel: Cancel): Promise<readonly Ec2SecurityGroup[]>;
  /** Answers its id. Rejects with `InvalidGroup.Duplicate`, also when an answer was lost and it is the one made then. */
  createSecurityGroup(
    group: {
      readonly name: string;
      readonly description: string;
      readonly vpcId: string | null;
      readonly tags: Readonly<Record<string, string>>;
    },
    cancel: Cancel,
  ): Promise<string>;
  /** Succeeds for what is admitted already. */
  authorizeIngress(groupId: string, rules: readonly IngressRule[], cancel: Cancel): Promise<void>;
  deleteSecurityGroup(groupId: string, cancel: Cancel): Promise<void>;
  describeKeyPairs(filters: Filters, cancel: Cancel): Promise<readonly Ec2KeyPair[]>;
  /** `publicKey`: `ssh-ed25519 AAAA…`. Rejects with `InvalidKeyPair.Duplicate`, as a group does. */
  importKeyPair(
    pair: {
      readonly name: string;
      readonly publicKey: string;
      readonly tags: Readonly<Record<string, string>>;
    },
    cancel: Cancel,
  ): Promise<void>;
  deleteKeyPair(name: string, cancel: Cancel): Promise<void>;
  describeVolumes(filters: Filters, cancel: Cancel): Promise<readonly Ec2Volume[]>;
  deleteVolume(id: string, cancel: Cancel): Promise<void>;
  /** Those of them that exist. */
  describeInstanceTypes(names: readonly string[], cancel: Cancel): Promise<readonly Ec2InstanceType[]>;
  /** Availability zones in which each type is offered. */
  zonesOfTypes(names: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, readonly string[]>>;
  describePlacementGroups(filters: Filters, cancel: Cancel): Promise<readonly { readonly name: string }[]>;
  /** The value of an SSM parameter; null: there is none. */
  parameter(name: string, cancel: Cancel): Promise<string | null>;
  /** Service quotas of EC2 by code (`L-1216C47A`); null where the API does not tell (no permission, no such service). */
  quotas(cancel: Cancel): Promise<ReadonlyMap<string, number> | null>;
  /** Frees sockets. */
  close(): void;
}

/**
 * EC2 filters: a name (`tag:plan:uuid`, `instance-state-name`) and the values of which one has to match; `*` and `?` in
 * them match anything. No values: nothing is found, and no call is made.
 */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** RunInstances as the SDK takes it: plain JSON, stored with the request, repeated as it is. */
export type RunInput = Readonly<Record<string, Json>>;

export type Ec2State = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export interface Ec2Instance {
  readonly id: string;
  readonly state: Ec2State;
  /** `Server.SpotInstanceTermination: Spot instance termination`, or null. */
  readonly reason: string | null;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
  readonly privateDnsName: string | null;
  readonly type: string;
  readonly imageId: string;
  readonly keyName: string | null;
  readonly zone: string | null;
  /** Account number of the owner; empty where the cloud does not tell. */
  readonly account: string;
  readonly clientToken: string | null;
  readonly launchIndex: number;
  /** Epoch milliseconds. */
  readonly launchedAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

export type ImageQuery =
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  /** `name` may have `*` and `?`. */
  | { readonly kind: 'newest'; readonly owner: string; readonly name: string };

export interface Ec2Image {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly state: string;
  readonly architecture: string;
  readonly rootDeviceName: string | null;
  readonly rootDeviceType: 'ebs' | 'instance-store';
  readonly platform: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export interface Ec2Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly freeAddresses: number;
  readonly isDefaultForZone: boolean;
}

export interface Ec2Vpc {
  readonly id: string;
  readonly isDefault: boolean;
  readonly account: string;
}

export interface Ec2SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly vpcId: string | null;
  readonly account: string;
  readonly tags: Readonly<Record<string, string>>;
}

export type IngressRule =
  /** TCP from an address block (IPv4 or IPv6). */
  | { readonly kind: 'tcp'; readonly port: number; readonly cidr: string }
  /** Everything from a group. */
  | { readonly kind: 'all-from-group'; readonly groupId: string };

export interface Ec2KeyPair {
  readonly id: string;
  readonly name: string;
  /** Epoch milliseconds, or null. */
  readonly createdAt: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Ec2Volume {
  readonly id: string;
  readonly state: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Ec2InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly architectures: readonly string[];
}

/** What EC2 answered in place of doing it. */
export class Ec2Error extends Error {
  /** EC2's error code: `InsufficientInstanceCapacity`. */
  readonly code: string;
  /** The call: `RunInstances`. */
  readonly call: string;

  /** `words`: EC2's own, free of credentials and encoded authorization messages; the error's message is `code: words`. */
  constructor(call: string, code: string, words: string) {
    super(words === '' ? code : `${code}: ${words}`);
    this.name = 'Ec2Error';
    this.call = call;
    this.code = code;
  }
}
