import type { Json } from '../json.ts';
import type { Access, Addresses } from '../machine.ts';

/** Cancels a call; every method that waits takes it last. */
export interface Cancel {
  readonly signal: AbortSignal;
}

/** The tags that every machine carries at the provider, by which it is found again. */
export interface Tags {
  readonly deployment: string;
  readonly uuid: string;
  readonly owner: string;
}

/** What a service asks of a provider: resolved, stored before the call, repeated byte for byte. */
export interface LaunchRequest {
  readonly service: string;
  /** In the provider's own terms; null: the provider's default. */
  readonly image: string | null;
  /** Absolute: what a relative path of `image` is relative to. */
  readonly directory: string;
  /** The provider type's own options of the service, rendered. */
  readonly options: Readonly<Record<string, Json>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: Tags;
}

/** One call for many machines of one service. Machine i of `machines` is instance i of the answer. */
export interface LaunchBatch {
  /** Idempotency token: repeating a batch under its token launches nothing twice and answers the same. */
  readonly token: string;
  readonly machines: readonly { readonly name: string; readonly generation: number }[];
  /** Fewest machines that the caller accepts, at least 1. */
  readonly min: number;
  readonly request: LaunchRequest;
}

export type LaunchAnswer =
  /** `ids[i]` belongs to `machines[i]`; null: not given, and `whyFewer` says why. */
  | { readonly kind: 'launched'; readonly ids: readonly (string | null)[]; readonly whyFewer: string | null }
  /** Nothing was launched. `retryAfter` (milliseconds): worth another try after that; null: it is final. */
  | { readonly kind: 'refused'; readonly message: string; readonly retryAfter: number | null };

export type InstanceState =
  'pending' | 'running' | 'stopping' | 'stopped' | 'terminating' | 'terminated' | 'unknown';

/** What a provider tells of one machine. */
export interface Observation {
  readonly id: string;
  readonly state: InstanceState;
  /** The provider's own words for why it is in this state, or null. */
  readonly reason: string | null;
  /** Known once it runs. */
  readonly addresses: Addresses | null;
  readonly access: Access | null;
  /** Idempotency token and position of the batch that launched it; null for a foreign machine. */
  readonly batch: { readonly token: string; readonly index: number } | null;
}

/** `cannot` is data: what the provider says when it does not do this to this machine. */
export type PowerAnswer = { readonly kind: 'accepted' } | { readonly kind: 'cannot'; readonly why: string };

/** A problem that was found before anything is launched. */
export interface ProviderProblem {
  readonly service: string | null;
  readonly message: string;
  readonly hint: string | null;
}

/**
 * Where machines come from. A provider never waits for a machine: the engine polls `describe`. All methods may be
 * repeated safely. They reject with `ProviderError` when the provider cannot be asked, and with the signal's reason
 * when cancelled.
 */
export interface Provider {
  readonly type: string;
  /** Most machines in one launching call. */
  readonly batchLimit: number;
  /** Milliseconds between two `describe` calls. */
  readonly pollInterval: number;
  /** Milliseconds within which a launched machine may still be missing from `describe` and `list`. */
  readonly consistencyDelay: number;
  /** All problems that can be seen before a launch: credentials, images, options, quota. */
  check(requests: readonly LaunchRequest[], cancel: Cancel): Promise<readonly ProviderProblem[]>;
  /** Makes what a deployment needs beside machines (keys, groups, networks). */
  prepare(tags: Tags, cancel: Cancel): Promise<void>;
  /** Removes what `prepare` made, and waits until nothing of the deployment is left at the provider. */
  release(tags: Tags, cancel: Cancel): Promise<void>;
  launch(batch: LaunchBatch, cancel: Cancel): Promise<LaunchAnswer>;
  /** One entry for every id; an id that the provider does not know is `unknown`. */
  describe(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, Observation>>;
  /** Succeeds for what is already gone. Answers once the request is accepted. */
  terminate(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  /** Gives machines these labels in place of those that they have. */
  label(
    labels: ReadonlyMap<string, Readonly<Record<string, string>>>,
    cancel: Cancel,
  ): Promise<ReadonlyMap<string, PowerAnswer>>;
  stop(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  start(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  reboot(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  /** All machines that carry these tags and are not terminated. */
  list(tags: Partial<Tags>, cancel: Cancel): Promise<readonly Observation[]>;
  /** Frees what this process holds (sockets); machines stay. */
  close(): Promise<void>;
}

/** The provider could not be asked, or answered nonsense. `retryAfter` as in `LaunchAnswer`. */
export class ProviderError extends Error {
  readonly retryAfter: number | null;

  constructor(message: string, options: { readonly retryAfter?: number; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.retryAfter = options.retryAfter ?? null;
  }
}
