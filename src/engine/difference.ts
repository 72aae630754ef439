import type { Count } from '../count.ts';

/** What `up` does again on a machine that is there: most disruptive first. */
export const REVISIONS = ['replace', 'connect', 'bootstrap', 'verify', 'label'] as const;
export type RevisionAction = (typeof REVISIONS)[number];

/** What `up` would do to one machine. */
export interface Difference {
  readonly machine: string;
  readonly service: string;
  readonly level: string;
  /** `continue`: it goes on from where it stopped. */
  readonly action: 'launch' | 'continue' | 'terminate' | RevisionAction;
  /** `env DB changed: db-0 is replaced`. */
  readonly cause: string;
  /** It depends on what is not known yet, and may turn out not to be needed. */
  readonly conditional: boolean;
  /** A teardown script runs before the machine goes. */
  readonly teardown: boolean;
  /** The machine's end was begun by an earlier operation. */
  readonly begun: boolean;
}

/** A service that has other numbers of machines than the plan says, because it was scaled. */
export interface ScaledService {
  readonly service: string;
  readonly planned: Count;
  readonly count: Count;
  /** Names of machines that were removed and that it goes without. */
  readonly without: readonly string[];
}

export interface Forecast {
  readonly deployment: string;
  /** Names of the plan's levels, in order. */
  readonly levels: readonly string[];
  readonly overrides: readonly ScaledService[];
  /** In the order of levels, services and numbers; what the plan does not ask for any more is last, as it goes last. */
  readonly differences: readonly Difference[];
  /** The plan is not the recorded one, though no machine is any different. */
  readonly recordedOnly: boolean;
}

/** The machine goes and nothing takes its place. */
export function isForGood({ action, begun }: Difference): boolean {
  return action === 'terminate' && !begun;
}
