import type { Clock } from '../clock.ts';
import type { ConnectionPool } from '../connection/connection-pool.ts';
import type { ScriptRunner } from '../connection/script-runner.ts';
import type { Fact, Outcome, PlanRecord } from '../fact.ts';
import type { Plan, ProviderConfig } from '../plan/plan.ts';
import type { Provider } from '../providers/provider.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Logs } from '../state/logs.ts';
import type { Store } from '../state/store.ts';
import type { StepKind } from '../step.ts';
import type { PlanReader } from './retired.ts';

/** What operations are made of; built once by the command line, or by a test. */
export interface Wiring {
  readonly store: Store;
  readonly logs: Logs;
  readonly connections: ConnectionPool;
  readonly runner: ScriptRunner;
  readonly clock: Clock;
  /**
   * Opens a provider; called once per configuration and operation. `place`: where machines of it are as far as is
   * recorded, as `Provider.prepare` answered it; null: nowhere yet, or there is only one place.
   */
  provider(config: ProviderConfig, place: string | null): Promise<Provider>;
  /** `user@host`. */
  readonly owner: string;
  /** Most scripts that run at the same time. */
  readonly parallelism: number;
  /** Milliseconds to wait for a deployment that is locked. */
  readonly lockTimeout: number;
  /** Tell `observe` what scripts print (`-v`). */
  readonly showOutput: boolean;
  /** Told everything as it happens, in order, after it is recorded; `state` is live: read, do not keep. */
  observe(event: EngineEvent, state: DeploymentState): void;
}

export type EngineEvent =
  | { readonly type: 'fact'; readonly fact: Fact }
  /** A step begins; nothing is recorded of those that may be repeated without harm. */
  | {
      readonly type: 'step-began';
      readonly machine: string;
      readonly step: StepKind;
      readonly attempt: number;
    }
  /** Masked output of a script, whole lines without line breaks. */
  | {
      readonly type: 'output';
      readonly machine: string;
      readonly step: StepKind;
      readonly lines: readonly string[];
    }
  | { readonly type: 'warning'; readonly message: string }
  /** How often the API of a provider was called in the operation, by call, for so many machines of it. */
  | {
      readonly type: 'api-calls';
      readonly provider: string;
      readonly calls: Readonly<Record<string, number>>;
      readonly machines: number;
    };

export interface UpRequest {
  readonly plan: Plan;
  /** Take over a live deployment of this name that another plan file made. */
  readonly adopt: boolean;
  /** Terminate and replace machines of protected services too. */
  readonly forceProtected?: boolean | undefined;
  /** False: only ask for the machines of the open level, and leave the rest to another `up`. Default: true. */
  readonly wait?: boolean | undefined;
  /** Milliseconds from now to the end of the deployment, in place of what the plan says; null: it has none. */
  readonly ttl?: number | null | undefined;
  readonly readPlan: PlanReader;
}

/** The record that a plan was read from, before the deployment was locked: with another one by now it is refused. */
export type PlanBasis = Pick<PlanRecord, 'archive' | 'inputs'>;

export interface RepairRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly basis?: PlanBasis | null | undefined;
  readonly readPlan: PlanReader;
}

/** One change of the number of a service's machines. */
export interface ScaleChange {
  readonly service: string;
  /** So many machines in all, or so many more (negative: fewer); null: as many fewer as are removed. */
  readonly count: { readonly kind: 'to' | 'by'; readonly machines: number } | null;
  /** Names of machines of the service that go before any other. */
  readonly remove: readonly string[];
}

export interface ScaleRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly basis?: PlanBasis | null | undefined;
  /** Made one after the other. */
  readonly changes: readonly ScaleChange[];
  /** Terminate and replace machines of protected services too. */
  readonly forceProtected?: boolean | undefined;
  readonly readPlan: PlanReader;
}

export type Extension =
  /** So much after the end that it has. */
  | { readonly kind: 'by'; readonly milliseconds: number }
  /** So much from now on. */
  | { readonly kind: 'to'; readonly milliseconds: number }
  | { readonly kind: 'never' };

export interface ExtendRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly extension: Extension;
  readonly readPlan: PlanReader;
}

export interface DownRequest {
  readonly deployment: string;
  /** The recorded plan; null with `skipTeardown`, when it cannot be read any more. */
  readonly plan: Plan | null;
  readonly skipTeardown: boolean;
  /** Names of the machines that go, with those that share them; absent: all of them. */
  readonly only?: readonly string[] | undefined;
  /** Terminate and replace machines of protected services too. */
  readonly forceProtected?: boolean | undefined;
  /** Do nothing unless the time of the deployment is over. */
  readonly ifExpired?: boolean | undefined;
  readonly readPlan: PlanReader;
}

export interface OperationResult {
  readonly outcome: Outcome;
  readonly state: DeploymentState;
  /** False: there was nothing to do, no provider was asked and no script ran. */
  readonly worked: boolean;
}
