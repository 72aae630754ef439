import type { Json } from '../json.ts';
import type { Access, Addresses, JumpHost } from '../machine.ts';
import type { WrittenHost } from '../ssh-options.ts';

/** Cancels a call; every method that waits takes it last. */
export interface Cancel {
  readonly signal: AbortSignal;
}

/** The tags that everything of a deployment carries at the provider, by which it is found again. */
export interface Tags {
  readonly deployment: string;
  readonly uuid: string;
  /** `user@host` of whoever launched it. */
  readonly owner: string;
  /** Which state directory accounts for it. */
  readonly state: string;
}

/** True when what carries these tags is meant by those. */
export function carriesTags(tags: Tags, wanted: Partial<Tags>): boolean {
  return (['deployment', 'uuid', 'owner', 'state'] as const).every(
    (name) => wanted[name] === undefined || wanted[name] === tags[name],
  );
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
  /** True when the provider is to give the machines a host key that is known before they are reached, if it can. */
  readonly handsHostKey: boolean;
  /** Where the plan says that sshd listens on these machines; absent: it does not say. */
  readonly sshPorts?: readonly number[];
  /** Epoch milliseconds at which these machines end by themselves, where the provider sees to that; absent: never. */
  readonly expiresAt?: number;
  /** What `resolve` made of it: all that the call says, in the provider's own terms; null before. */
  readonly resolved: Json;
}

export type Resolution =
  | {
      readonly kind: 'resolved';
      readonly request: LaunchRequest;
      /** `ecdsa-sha2-nistp256 AAAA…`: the host key that the machines are given; null: none. */
      readonly hostKey: string | null;
    }
  | LaunchRefusal;

/** Nothing was launched. */
export interface LaunchRefusal {
  readonly kind: 'refused';
  readonly message: string;
  /** Milliseconds after which it is worth another try; null: it is final. */
  readonly retryAfter: number | null;
  /**
   * True when this one does not count as a try: the next one asks for something else (another type, another place), or
   * what was made for the deployment is too new to be known everywhere. The provider sees to it that this ends.
   */
  readonly elsewhere?: boolean;
}

/** What a check is asked about: a request and how many machines it is for. */
export interface LaunchPreview {
  readonly request: LaunchRequest;
  /** Fewest machines that would do, and all that will be asked for. */
  readonly min: number;
  readonly max: number;
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
  | {
      readonly kind: 'launched';
      /** `ids[i]` belongs to `machines[i]`; null: not given, and `whyFewer` says why. */
      readonly ids: readonly (string | null)[];
      readonly whyFewer: string | null;
      /** Whether the missing ones are worth asking for again, as in a refusal; absent: they are not. */
      readonly again?: Pick<LaunchRefusal, 'retryAfter' | 'elsewhere'>;
    }
  | LaunchRefusal;

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

/** What is told of an id that the provider does not know. */
export function unknownMachine(id: string): Observation {
  return { id, state: 'unknown', reason: null, addresses: null, access: null, batch: null };
}

export type PowerAnswer =
  | { readonly kind: 'accepted' }
  /** The machine is between two states; the same request is worth repeating. */
  | { readonly kind: 'not-yet'; readonly why: string }
  /** Data, not an error: what the provider says when it does not do this to this machine. */
  | { readonly kind: 'cannot'; readonly why: string };

/** To what is asked of a machine that the provider does not know. */
export const NO_SUCH_MACHINE: PowerAnswer = { kind: 'cannot', why: 'there is no such machine' };

/** The labels of one machine: those that it is to have, and the keys of those that it had and is to lose. */
export interface LabelChange {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** Something at the provider that carries this tool's tags: a machine, or what was made beside machines. */
export interface Holding {
  /** In words: `machine`, `key pair`, `security group`, `volume`. */
  readonly kind: string;
  readonly id: string;
  /** As the provider shows it to people, or null. */
  readonly name: string | null;
  readonly tags: Partial<Tags>;
  /** Token of the batch that launched it; null for what is no machine. */
  readonly token: string | null;
  /** Epoch milliseconds of its making, or null. */
  readonly since: number | null;
}

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
  /**
   * True: its machines are there before and after. `terminate` gives them back, and what a deployment has put on them is
   * removed over their connection before that.
   */
  readonly keepsMachines: boolean;
  /** True: a machine that was launched with `expiresAt` and shuts itself down is gone for good. */
  readonly endsOnShutdown?: boolean;
  /** Calls of the provider's API that were made so far, by name; empty where there is none. */
  readonly apiCalls: ReadonlyMap<string, number>;
  /** All problems that can be seen before a launch: credentials, images, options, quota. */
  check(previews: readonly LaunchPreview[], cancel: Cancel): Promise<readonly ProviderProblem[]>;
  /**
   * Makes what a deployment needs beside machines (keys, groups, networks) for these requests. Answers the place where
   * its machines are, for people and to be compared (`us-west-2, account 123456789012`), or null where there is one.
   */
  prepare(tags: Tags, requests: readonly LaunchRequest[], cancel: Cancel): Promise<string | null>;
  /** Removes what `prepare` made, and waits until nothing of the deployment is left at the provider. */
  release(tags: Tags, cancel: Cancel): Promise<void>;
  /** Completes a request, so that the call says the same however often it is made, and before it is recorded. */
  resolve(request: LaunchRequest, cancel: Cancel): Promise<Resolution>;
  launch(batch: LaunchBatch, cancel: Cancel): Promise<LaunchAnswer>;
  /** One entry for every id; an id that the provider does not know is `unknown`. */
  describe(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, Observation>>;
  /** Succeeds for what is already gone. Answers once the request is accepted. */
  terminate(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  label(changes: ReadonlyMap<string, LabelChange>, cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  /**
   * Sets when machines end by themselves, in epoch milliseconds, or that they do not. Absent: it does not see to that.
   */
  expire?(
    ids: readonly string[],
    expiresAt: number | null,
    cancel: Cancel,
  ): Promise<ReadonlyMap<string, PowerAnswer>>;
  stop(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  start(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  reboot(ids: readonly string[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  /** All machines that carry these tags and are not terminated. */
  list(tags: Partial<Tags>, cancel: Cancel): Promise<readonly Observation[]>;
  /** Everything that carries this tool's tags, of any deployment. */
  holdings(cancel: Cancel): Promise<readonly Holding[]>;
  /** Removes holdings, machines first, and waits until they are gone. Succeeds for what is already gone. */
  remove(holdings: readonly Holding[], cancel: Cancel): Promise<ReadonlyMap<string, PowerAnswer>>;
  /**
   * How a host that a plan has machines reached through is reached itself, where names of hosts mean something to the
   * provider; `login`: who logs in where nobody says otherwise. Absent: as it is written.
   */
  readonly jumpHost?: (written: WrittenHost, login: string) => JumpHost;
  /** Frees what this process holds (sockets); machines stay. */
  close(): Promise<void>;
}

/**
 * The provider could not be asked, or answered nonsense. `retryAfter` as in `LaunchRefusal`; `isFinal`: asking again is
 * of no use before somebody does what the message says.
 */
export class ProviderError extends Error {
  readonly retryAfter: number | null;
  readonly isFinal: boolean;

  constructor(
    message: string,
    options: { readonly retryAfter?: number; readonly isFinal?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.retryAfter = options.retryAfter ?? null;
    this.isFinal = options.isFinal ?? false;
  }
}
