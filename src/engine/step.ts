import type { Failure } from '../failure.ts';
import type { Revision } from './revision.ts';

/** An effect that may start now. Plain data: what it needs beside it is in the plan and in the state. */
export type Step =
  /** Machines of one service become a batch: its request is completed and recorded. */
  | {
      readonly kind: 'request';
      readonly service: string;
      readonly machines: readonly string[];
      readonly min: number;
    }
  /** The launching call of a recorded batch, made or repeated under its token. */
  | { readonly kind: 'launch'; readonly batch: number }
  /** A recorded batch is looked up at the provider and never launched. */
  | { readonly kind: 'find'; readonly batch: number }
  /** Waits until the provider says that the machine runs. */
  | { readonly kind: 'boot'; readonly machine: string }
  | { readonly kind: 'connect'; readonly machine: string }
  | { readonly kind: 'bootstrap'; readonly machine: string }
  | { readonly kind: 'verify'; readonly machine: string }
  | { readonly kind: 'teardown'; readonly machine: string }
  | { readonly kind: 'stop'; readonly machine: string }
  | { readonly kind: 'reboot'; readonly machine: string }
  /** Gives the machine the labels of the plan at its provider. */
  | { readonly kind: 'label'; readonly machine: string }
  /** One terminating call, and the wait until the provider confirms the end of each. */
  | { readonly kind: 'terminate'; readonly provider: string; readonly instances: readonly string[] };

/** Something that is recorded at once and needs no effect; what follows from it is a step. */
export type Decision =
  /** There is nothing to do in this step of these machines. */
  | {
      readonly kind: 'skip';
      readonly step: 'bootstrap' | 'verify' | 'teardown';
      readonly machines: readonly string[];
    }
  /** A machine goes back to an earlier stage, where a step is due that makes it as the plan says. */
  | { readonly kind: 'revise'; readonly revision: Revision }
  /** These share machines that are stopped. */
  | { readonly kind: 'halt'; readonly machines: readonly string[] }
  /** The instance of a machine that is to be replaced goes; its name is free. */
  | { readonly kind: 'condemn'; readonly machine: string }
  /** These machines are to be terminated. */
  | { readonly kind: 'retire'; readonly machines: readonly string[] }
  /** Machines without an instance leave. */
  | { readonly kind: 'drop'; readonly machines: readonly string[] }
  /** A machine cannot go on, and why. */
  | { readonly kind: 'give-up'; readonly machine: string; readonly failure: Failure };

/** What a step works on: no two steps under way share a subject. */
export function subjectsOf(step: Step): readonly string[] {
  switch (step.kind) {
    case 'request':
      return step.machines.map(machineSubject);
    case 'launch':
    case 'find':
      return [batchSubject(step.batch)];
    case 'terminate':
      return step.instances.map(instanceSubject);
    case 'boot':
    case 'connect':
    case 'bootstrap':
    case 'verify':
    case 'teardown':
    case 'stop':
    case 'reboot':
    case 'label':
      return [machineSubject(step.machine)];
  }
}

export function batchSubject(batch: number): string {
  return `batch ${batch}`;
}

export function instanceSubject(id: string): string {
  return `instance ${id}`;
}

export function machineSubject(name: string): string {
  return `machine ${name}`;
}
