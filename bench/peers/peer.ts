import type { Whole } from './whole.ts';

/** A program that does the work once, whole: from the start of its process to its exit. */
export interface Contestant {
  readonly name: string;
  run(): Promise<Whole>;
}

/** Another way to have the same work done. */
export interface Peer extends Contestant {
  /** What `plan` may take at most, as a multiple of its time. */
  readonly limit: number;
  /** Why it cannot be measured here; undefined: it can. */
  readonly missing: string | undefined;
}

/** One piece of work that `plan` and its peers do in turn. */
export interface Contest {
  readonly title: string;
  readonly plan: Contestant;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  /** Connections to the server that stay open all the time. */
  readonly connections: number;
}
