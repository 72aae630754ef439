import type { PlanRecord } from '../fact.ts';

/**
 * One line of an export, as JSON. `head` comes first, `end` last; facts, machines, instances and batches come in the
 * order in which they were recorded, without the encryption of the state directory.
 */
export type ExportEntry =
  | readonly ['head', ExportHead]
  /** An archive of plan files: its digest and manifest. */
  | readonly ['archive', string, string]
  /** A part of the content of an archived file, by its digest; base64. */
  | readonly ['blob', string, string]
  | readonly [RowKind, unknown]
  /** A file of the state directory, by its path there; base64. */
  | readonly ['file', string, string]
  /** A part of a log: machine, name, base64. */
  | readonly ['log', string, string, string]
  /** How many entries came before. */
  | readonly ['end', number];

export type RowKind = 'fact' | 'machine' | 'instance' | 'batch';

/** What there is one of. */
export interface ExportHead {
  readonly name: string;
  readonly uuid: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** The deployment's own record. */
  readonly record: DeploymentJson;
  /** Where it was kept: absolute. */
  readonly directory: string;
  /** `user@host` of whoever exported it. */
  readonly owner: string;
  /** Epoch milliseconds. */
  readonly exportedAt: number;
  /** True when the state directory that it came from works on it no longer. */
  readonly moved: boolean;
  /** What its digests of scripts and values are keyed with: 32 bytes, base64. */
  readonly printKey: string;
  /** Of the providers whose machines are on that computer: the state directory that has these. */
  readonly homes: Readonly<Record<string, Home>>;
}

/** A state directory that has machines of the computer itself. */
export interface Home {
  readonly directory: string;
  /** Proves that a directory of that path is the same one; null: it has no key. */
  readonly proof: string | null;
}

/** The part of a deployment's record that is looked into. */
export type DeploymentJson = Readonly<Record<string, unknown>> & {
  readonly plan: PlanRecord | null;
  readonly scopes: readonly string[];
  readonly places?: Readonly<Record<string, string>>;
};
