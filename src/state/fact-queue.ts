import type { Fact } from '../fact.ts';
import type { DeploymentState, Touched } from './deployment-state.ts';
import { nothingTouched } from './deployment-state.ts';

/** What one deployment has to record in the next transaction. */
export interface Entry {
  readonly state: DeploymentState;
  readonly facts: Fact[];
  readonly touched: Touched;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function newEntry(state: DeploymentState): Entry {
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const done = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { state, facts: [], touched: nothingTouched(), done, resolve, reject };
}

/** Adds to an entry. `touched` is copied, because its owner may go on using it. */
export function extend(entry: Entry, facts: readonly Fact[], touched: Touched): void {
  for (const fact of facts) entry.facts.push(fact);
  for (const name of touched.machines) entry.touched.machines.add(name);
  for (const id of touched.instances) entry.touched.instances.add(id);
  for (const number of touched.batches) entry.touched.batches.add(number);
  entry.touched.deployment ||= touched.deployment;
}
