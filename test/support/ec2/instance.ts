import type { Image, InstanceType } from './catalogue.ts';
import type { Tagged } from './tags.ts';

export type StateName = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

export const STATE_CODES: Readonly<Record<StateName, number>> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** Such as `Server.InsufficientInstanceCapacity` and what AWS says with it. */
export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/** From `at` on (epoch milliseconds of the clock, inclusive) the instance is in this state. */
export interface Moment {
  readonly at: number;
  readonly state: StateName;
  readonly reason: StateReason | null;
}

export type ShutdownBehavior = 'stop' | 'terminate';

/** What a launch asked for, the same for all instances of it. */
export interface LaunchSpec {
  readonly image: Image;
  readonly type: InstanceType;
  readonly keyName: string | null;
  /** Line of authorized_keys. */
  readonly publicKey: string | null;
  /** Ids. */
  readonly groups: readonly string[];
  readonly userData: Buffer | null;
  readonly isSpot: boolean;
  /** Persistent spot requests only can be stopped. */
  readonly canStop: boolean;
  readonly hasPublicAddress: boolean;
  readonly isProtected: boolean;
  /** What becomes of an instance whose machine shuts itself down. */
  readonly onShutdown: ShutdownBehavior;
  readonly tenancy: string;
  readonly placementGroup: string | null;
  readonly profile: string | null;
  readonly httpTokens: string;
  readonly interfaceTags: ReadonlyMap<string, string>;
  readonly volumes: readonly VolumeSpec[];
}

export interface VolumeSpec {
  readonly device: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  readonly deleteOnTermination: boolean;
  readonly snapshot: string | null;
}

export interface Instance extends Tagged {
  readonly id: string;
  /** Rises with every launch of the realm. */
  readonly order: number;
  readonly reservation: string;
  readonly launchIndex: number;
  readonly launchedAt: number;
  readonly token: string | null;
  readonly spec: LaunchSpec;
  readonly zone: string;
  readonly subnet: string;
  readonly vpc: string;
  /** Loopback address of this instance alone. */
  readonly address: string;
  readonly interface: string;
  /** Ids. */
  readonly volumes: readonly string[];
  /** In place of that of the launch. */
  onShutdown?: ShutdownBehavior;
  /** Past and future, by time. */
  timeline: readonly Moment[];
}

const NOTHING: Moment = { at: -Infinity, state: 'pending', reason: null };

export function momentOf({ timeline }: Instance, now: number): Moment {
  return timeline.findLast(({ at }) => at <= now) ?? NOTHING;
}

export function stateOf(instance: Instance, now: number): StateName {
  return momentOf(instance, now).state;
}

/** True while it counts: from its launch until it is terminated. */
export function isAlive(instance: Instance, now: number): boolean {
  return stateOf(instance, now) !== 'terminated';
}

/** Forgets what was to come and goes on with these moments. */
export function redirect(instance: Instance, now: number, moments: readonly Moment[]): void {
  instance.timeline = [...instance.timeline.filter(({ at }) => at <= now), ...moments];
}

/** As in `reason` of DescribeInstances: empty, or `User initiated (2025-01-01 10:00:00 GMT)`. */
export function transitionReason({ at, reason }: Moment): string {
  if (reason === null || reason.code === PENDING.code) return '';
  const date = `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} GMT`;
  return reason.code === USER_SHUTDOWN.code ? `User initiated (${date})` : reason.code;
}

/** What AWS gives as the reason of a state that needs none. */
export const PENDING: StateReason = { code: 'pending', message: 'pending' };

export const USER_SHUTDOWN = reason('Client.UserInitiatedShutdown', 'User initiated shutdown');

/** Reasons of AWS's list for instances that end without being told to. */
export const REASONS = {
  capacity: reason(
    'Server.InsufficientInstanceCapacity',
    'There was insufficient capacity available to satisfy the launch request',
  ),
  internal: reason(
    'Server.InternalError',
    'An internal error caused the instance to terminate during launch',
  ),
  spot: reason('Server.SpotInstanceTermination', 'Spot instance termination'),
  scheduled: reason('Server.ScheduledStop', 'Stopped due to a scheduled retirement'),
  client: reason('Client.InternalError', 'Client error on launch'),
  instanceShutdown: reason('Client.InstanceInitiatedShutdown', 'Instance initiated shutdown'),
  snapshot: reason('Client.InvalidSnapshot.NotFound', 'The specified snapshot was not found'),
  volumes: reason('Client.VolumeLimitExceeded', 'Volume limit exceeded'),
} as const;

function reason(code: string, message: string): StateReason {
  return { code, message: `${code}: ${message}` };
}
