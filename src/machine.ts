import type { Failure } from './failure.ts';
import type { Sensitive } from './sensitive.ts';
import type { StepKind } from './step.ts';

/** How a machine is reached, as data: what a provider tells and `connection/` opens. */
export type Access = SshAccess | DockerAccess | ProcessAccess;

export interface SshAccess {
  readonly kind: 'ssh';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the private key (OpenSSH format); null: none, so that `agent` or a password lets in. */
  readonly privateKey: string | null;
  /** Paths of further private keys, offered after it; those that cannot be read are passed over. */
  readonly moreKeys?: readonly string[];
  /**
   * Path of the socket of an SSH agent whose keys are offered too, or `SSH_AUTH_SOCK` for the one that this variable
   * names when the connection is opened; absent: none is asked.
   */
  readonly agent?: string;
  /** Of the agent's keys only those are offered that the paths above name, by their public parts; absent: all are. */
  readonly onlyNamedKeys?: true;
  /** `ssh-ed25519 AAAA…` where the provider can tell it, or as pinned at first sight; null: not known yet. */
  readonly hostKey: string | null;
  /** How a host key is judged while `hostKey` is null, and what the known one must agree with; absent: `pin-first`. */
  readonly trust?: HostTrust;
  /** The name under which the known hosts have it, without a port; absent: its own. */
  readonly hostKeyAlias?: string;
  /** The hosts to go through, in that order; absent: none. */
  readonly jump?: readonly JumpHost[];
  /**
   * Most logins that may be under way at once with whatever server this is, which others may share unknown to us;
   * absent: it has a server of its own.
   */
  readonly startups?: number;
}

/** Commands run in a container, through its engine. */
export interface DockerAccess {
  readonly kind: 'docker';
  /** Id of the container. */
  readonly container: string;
  /** Where the engine listens: `unix:///var/run/docker.sock`, `tcp://10.0.0.5:2376`. */
  readonly engine: string;
  /** Who runs commands; null: the image's own user. */
  readonly user: string | null;
  /** The container's address in its network. */
  readonly address: string;
}

/** Commands run as processes on this computer, with its whole environment. */
export interface ProcessAccess {
  readonly kind: 'process';
  /** Absolute path: what stands for the home of the login user where a path is relative. */
  readonly directory: string;
}

export type HostTrust =
  | { readonly kind: 'pin-first' }
  /** The files of OpenSSH have it. */
  | { readonly kind: 'known-hosts' }
  /** `SHA256:…` without padding, or `MD5:` and sixteen lower-case pairs. */
  | { readonly kind: 'fingerprint'; readonly fingerprint: string };

export interface JumpHost {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** As in `SshAccess`. */
  readonly hostKeyAlias?: string;
}

/** The built-in attributes that the provider tells of a machine that runs. */
export interface Addresses {
  /** How other machines reach it. */
  readonly hostname: string;
  /** How the operator reaches it. */
  readonly address: string;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
}

/** Built-in attributes, as templates see them. */
export interface BuiltInAttributes extends Addresses {
  readonly name: string;
  readonly index: number;
  readonly service: string;
  readonly level: string;
  readonly provider: string;
  readonly id: string;
}

export const BUILT_IN_ATTRIBUTES = [
  'name',
  'index',
  'service',
  'level',
  'provider',
  'id',
  'hostname',
  'address',
  'privateIp',
  'publicIp',
] as const satisfies readonly (keyof BuiltInAttributes)[];

export const MACHINE_STATES = [
  'pending',
  'launching',
  'connecting',
  'bootstrapping',
  'verifying',
  'ready',
  'failed',
  'stopping',
  'stopped',
  'lost',
  'terminating',
  'terminated',
] as const;

export type MachineState = (typeof MACHINE_STATES)[number];

/**
 * How far a machine came. Failure is not a stage: a machine that failed keeps the stage that it had reached, so
 * that the next operation goes on from there.
 *
 *     none → requested → launched → running → connected → bootstrapped → ready
 *       ↑        rebooting → launched; any of these → replacing               any of these → leaving → gone
 *       └───────────────────────────────────┘
 *                any of these → stopping → stopped → launched
 */
export type Stage =
  | 'none' // recorded, nothing asked of a provider
  | 'requested' // part of a batch whose answer is not recorded
  | 'launched' // the provider gave an id
  | 'running' // the provider says that it runs; addresses and access are known
  | 'connected' // a no-op over the connection succeeded
  | 'bootstrapped'
  | 'ready'
  | 'stopping' // its provider is to be asked to stop it, after its teardown where that is to run
  | 'stopped' // its provider said that it is off; what it holds is kept
  | 'rebooting' // its provider is to be asked for a reboot
  | 'replacing' // its instance is to be replaced: teardown is due, then the name is free for another launch
  | 'leaving' // teardown is over, termination was asked for
  | 'gone'; // the provider confirmed its end, or there never was an instance

/** Keyed digests of what something was made with, by the part's name in the plan: `image`, `env DB`, `file app.conf`. */
export type Parts = Readonly<Record<string, string>>;

/** Null: not done in this generation. */
export interface Made {
  readonly launch: Parts | null;
  readonly labels: Parts | null;
  readonly ssh: Parts | null;
  readonly bootstrap: Parts | null;
  readonly verify: Parts | null;
}

/** One machine of a deployment: everything that is known about the name `web-0`. Rebuilt from facts. */
export interface Machine {
  readonly name: string;
  readonly service: string;
  readonly index: number;
  readonly level: string;
  /** False: the plan does not ask for it any more. */
  readonly wanted: boolean;
  /** 0 before the first launch request; one more with each instance that is asked for under this name. */
  readonly generation: number;
  readonly stage: Stage;
  /** The recorded step that was started and has not ended. */
  readonly running: {
    readonly step: 'bootstrap' | 'teardown';
    readonly attempt: number;
    readonly since: number;
    /** What a bootstrap was started with. */
    readonly made: Parts | null;
  } | null;
  /** What the steps that succeeded in this generation were performed with. */
  readonly made: Made;
  /** Why it is being changed, in words, until it is ready again; null for a machine that just comes up. */
  readonly cause: string | null;
  /** The latest failure; cleared when a later step succeeds. */
  readonly failure: Failure | null;
  /** True when the failure is final for the current operation; the next operation tries again. */
  readonly gaveUp: boolean;
  /** Epoch milliseconds before which nothing is tried again, or null. */
  readonly retryAt: number | null;
  readonly batch: number | null;
  readonly provider: string;
  readonly id: string | null;
  /** The host key that its launch gave it; null: none. */
  readonly givenKey: string | null;
  readonly addresses: Addresses | null;
  readonly access: Access | null;
  /** As its provider was told; `***` for one that a sensitive input is part of, or that an older version recorded. */
  readonly labels: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string | Sensitive>>;
  /** Tries so far: `launch` over the name's whole life, the others in this generation. They name logs and runs. */
  readonly attempts: Readonly<Partial<Record<StepKind, number>>>;
  /** Tries in the current operation, which `attempts` of the plan limits. */
  readonly tries: Readonly<Partial<Record<StepKind, number>>>;
  /**
   * The plan that its bootstrap was started under, or that had none to run: teardown is due at the end, with the
   * script of this plan where a later one has none. Null before that.
   */
  readonly under: PlanSource | null;
  /** Teardown is over in this generation: succeeded, failed for good or skipped. */
  readonly tornDown: boolean;
  /** Tries of its teardown that were for a stop, which say nothing of its end; absent: none. */
  readonly spentTeardowns?: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
}

/** Where a plan that was recorded can be read again. */
export interface PlanSource {
  /** Absolute path of the plan file, in the archive. */
  readonly path: string;
  readonly archive: string;
}

/** One instance that was ever given by a provider and is not known to be gone: what may cost money. */
export interface Instance {
  readonly id: string;
  readonly provider: string;
  readonly machine: string;
  readonly service: string;
  readonly generation: number;
  readonly batch: number;
  /** Why it has to go although its machine's name lives on; null while it is the machine. */
  readonly condemned: string | null;
  /** True when its end was given up in this operation; the next one tries again. */
  readonly kept: boolean;
}

export function machineName(service: string, index: number): string {
  return `${service}-${index}`;
}
