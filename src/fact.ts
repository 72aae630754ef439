import type { Count } from './count.ts';
import type { Failure } from './failure.ts';
import type { Access, Addresses, Made, Parts } from './machine.ts';
import type { Sensitive } from './sensitive.ts';
import type { StepKind } from './step.ts';

export type OperationKind =
  'up' | 'down' | 'repair' | 'start' | 'stop' | 'reboot' | 'replace' | 'scale' | 'extend';
export type Outcome = 'succeeded' | 'failed' | 'interrupted';

/** What a deployment keeps of the plan that it was last brought to. */
export interface PlanRecord {
  readonly digest: string;
  /** Absolute path of the plan file. */
  readonly path: string;
  readonly name: string;
  /** Inputs that `--input` and `--input-file` gave, as text; never sensitive ones. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Digest of the archive of everything that the plan read. */
  readonly archive: string;
  /** Milliseconds; absent: it has none. */
  readonly ttl?: number;
  readonly levels: readonly LevelRecord[];
}

export interface LevelRecord {
  readonly name: string;
  readonly services: readonly ServiceRecord[];
}

export interface ServiceRecord {
  readonly name: string;
  readonly provider: string;
  readonly min: number;
  readonly max: number;
  /** Absent: 0, 1, … */
  readonly indexes?: readonly number[];
  /** What the plan says, where the deployment was scaled to something else. */
  readonly planned?: Count;
  /** Absent: false. */
  readonly protect?: boolean;
}

/** What a service was scaled to in place of what the plan says. */
export interface CountOverride {
  readonly count: Count;
  /** Numbers that none of its machines has, ascending. */
  readonly without: readonly number[];
}

/** A launching call that was asked for: recorded before it is made, repeated under its token until it is answered. */
export interface Batch {
  /** 1, 2, … in the deployment; never used twice. */
  readonly number: number;
  readonly service: string;
  readonly provider: string;
  readonly machines: readonly { readonly name: string; readonly generation: number }[];
  readonly min: number;
  readonly token: string;
  readonly made?: Pick<Made, 'launch' | 'labels'>;
  /** The labels of its machines; those that a sensitive input is part of are masked. */
  readonly labels?: Readonly<Record<string, string>>;
  /** JSON text of the provider's `LaunchRequest`. */
  readonly request: Sensitive;
  /** The host key that its machines are given; absent: none. */
  readonly hostKey?: string;
}

/** What happened. Names machines by name and generation; everything in it is masked or marked sensitive. */
export type FactBody =
  | { readonly type: 'deployment-created'; readonly name: string; readonly uuid: string }
  | { readonly type: 'plan-recorded'; readonly plan: PlanRecord }
  /** `expiresAt`: epoch milliseconds at which the deployment is over; null: never. */
  | { readonly type: 'expiry-set'; readonly expiresAt: number | null }
  /** Every machine that there is was told of it, or somebody was warned that it could not be. */
  | { readonly type: 'expiry-told' }
  /** `override` null: what the plan says counts again. */
  | {
      readonly type: 'count-overridden';
      readonly service: string;
      readonly override: CountOverride | null;
    }
  | { readonly type: 'operation-started'; readonly operation: OperationRecord }
  | { readonly type: 'operation-ended'; readonly id: number; readonly outcome: Outcome }
  /** `place`: where its machines are, where the provider tells. */
  | { readonly type: 'scope-prepared'; readonly provider: string; readonly place?: string | null }
  | { readonly type: 'scope-released'; readonly provider: string }
  | { readonly type: 'launch-requested'; readonly batch: Batch }
  | {
      readonly type: 'launch-answered';
      readonly batch: number;
      /** Aligned with the batch's machines; null: not given. */
      readonly ids: readonly (string | null)[];
      /** The failure of the machines that were not given. */
      readonly shortfall: StepFailure | null;
      /** True when it does not count as a try of these. */
      readonly isFree?: boolean;
    }
  | {
      readonly type: 'launch-refused';
      readonly batch: number;
      readonly failed: StepFailure;
      readonly isFree?: boolean;
    }
  | {
      readonly type: 'machine-running';
      readonly machine: string;
      readonly generation: number;
      readonly addresses: Addresses;
      readonly access: Access;
      /** The plan's part in how it is reached. */
      readonly made?: Parts;
    }
  /** Only steps with an effect that must not happen twice are recorded when they start. */
  | {
      readonly type: 'step-started';
      readonly machine: string;
      readonly generation: number;
      readonly step: 'bootstrap' | 'teardown';
      readonly attempt: number;
      /** What the bootstrap is performed with. */
      readonly made?: Parts;
    }
  | {
      readonly type: 'step-succeeded';
      readonly machine: string;
      readonly generation: number;
      readonly step: 'connect' | 'bootstrap' | 'verify' | 'teardown';
      readonly attempt: number;
      /** Epoch milliseconds at which the step began. */
      readonly startedAt: number;
      /** What the bootstrap or the verify was performed with. */
      readonly made?: Parts;
      readonly outputs?: Readonly<Record<string, string | Sensitive>>;
      /** Pinned by a connect. */
      readonly hostKey?: string;
      /** True when there was nothing to do: no script, `--skip-teardown`. */
      readonly skipped?: boolean;
    }
  | {
      readonly type: 'step-failed';
      readonly machine: string;
      readonly generation: number;
      readonly step: StepKind;
      readonly attempt: number;
      readonly startedAt: number;
      readonly failed: StepFailure;
    }
  /** The plan changed, or the machine is not as it was: it goes back to an earlier stage. */
  | {
      readonly type: 'machine-revised';
      readonly machine: string;
      readonly generation: number;
      readonly to: RevisionKind;
      readonly cause: string;
    }
  /** Its provider says that it is off. */
  | { readonly type: 'machine-stopped'; readonly machine: string; readonly generation: number }
  /** Its labels at the provider are those of the plan. */
  | {
      readonly type: 'machine-labelled';
      readonly machine: string;
      readonly generation: number;
      readonly made: Parts;
      /** As in a batch. */
      readonly labels?: Readonly<Record<string, string>>;
    }
  /** The instance goes although its machine's name lives on: the name is free for another launch. */
  | {
      readonly type: 'instance-condemned';
      readonly machine: string;
      readonly generation: number;
      readonly cause: string;
    }
  | { readonly type: 'terminate-requested'; readonly machines: readonly string[] }
  /** The provider confirmed the end of these instances. */
  | { readonly type: 'instances-gone'; readonly ids: readonly string[] }
  /** A condemned instance could not be terminated in this operation. */
  | { readonly type: 'instance-kept'; readonly id: string; readonly problem: string }
  /** Machines without an instance that are no longer wanted. */
  | { readonly type: 'machines-dropped'; readonly machines: readonly string[] };

/** What is done again: least disruptive last. */
export type RevisionKind = 'replace' | 'stop' | 'reboot' | 'connect' | 'look' | 'bootstrap' | 'verify';

/** A failure and what follows from it. */
export interface StepFailure {
  readonly failure: Failure;
  /** Final for the current operation. */
  readonly gaveUp: boolean;
  /** Epoch milliseconds before which it is not tried again, or null. */
  readonly retryAt: number | null;
}

export interface OperationRecord {
  /** 1, 2, … in the deployment. */
  readonly id: number;
  readonly kind: OperationKind;
  /** `user@host`. */
  readonly owner: string;
  /** Names of the machines that a `down` ends; absent: all of them, or it is no `down`. */
  readonly only?: readonly string[];
  readonly planDigest: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: Outcome | null;
}

/** `at`: epoch milliseconds. */
export type Fact = FactBody & { readonly at: number };
export type FactType = Fact['type'];
