import type { Batch, CountOverride, OperationRecord, PlanRecord } from '../fact.ts';
import type { Instance, Machine } from '../machine.ts';
import type { Tallies } from './tally.ts';
import { emptyTallies } from './tally.ts';

/**
 * Everything that is known of one deployment: a fold over its facts. The maps change in place (ten thousand
 * machines are an ordinary input), the records in them are replaced, never changed.
 */
export interface DeploymentState {
  readonly name: string;
  readonly uuid: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  plan: PlanRecord | null;
  /** When it is over, in epoch milliseconds; null: never. */
  expiresAt: number | null;
  /** That is another end than some machines may have been told of. */
  isExpiryUntold: boolean;
  /** What services were scaled to, by name. */
  readonly overrides: Map<string, CountOverride>;
  /** The latest one. */
  operation: OperationRecord | null;
  readonly machines: Map<string, Machine>;
  /** Instances that are not known to be gone, by id. */
  readonly instances: Map<string, Instance>;
  /** Ids of condemned instances whose end was not given up in this operation. Derived, never stored. */
  readonly condemned: Set<string>;
  /** Batches without a recorded answer, by number. */
  readonly batches: Map<number, Batch>;
  /** Number of the newest batch. */
  lastBatch: number;
  /** Providers that were prepared and not released, and the place where their machines are, where one is known. */
  readonly scopes: Map<string, string | null>;
  /** Derived from the machines, never stored. */
  readonly tallies: Tallies;
}

/** What a fact changed: what a projection has to write, and what `reconcile` has to look at. */
export interface Touched {
  readonly machines: Set<string>;
  readonly instances: Set<string>;
  readonly batches: Set<number>;
  /** Services in which the number of reached machines changed. */
  readonly reached: Set<string>;
  /** True when the deployment's own record (plan, operation, scopes, numbers) changed. */
  deployment: boolean;
}

export function nothingTouched(): Touched {
  return {
    machines: new Set(),
    instances: new Set(),
    batches: new Set(),
    reached: new Set(),
    deployment: false,
  };
}

/** A deployment to which nothing happened yet. `created` is its first fact. */
export function emptyState(created: {
  readonly name: string;
  readonly uuid: string;
  readonly at: number;
}): DeploymentState {
  return {
    name: created.name,
    uuid: created.uuid,
    createdAt: created.at,
    plan: null,
    expiresAt: null,
    isExpiryUntold: false,
    overrides: new Map(),
    operation: null,
    machines: new Map(),
    instances: new Map(),
    condemned: new Set(),
    batches: new Map(),
    lastBatch: 0,
    scopes: new Map(),
    tallies: emptyTallies(),
  };
}

/** It has to go, and its end was not given up in this operation. */
export function isCondemned(instance: Instance): boolean {
  return instance.condemned !== null && !instance.kept;
}

/** The providers of instances that there are or may be. */
export function providersOf({ instances, batches }: DeploymentState): ReadonlySet<string> {
  return new Set([...instances.values(), ...batches.values()].map(({ provider }) => provider));
}
