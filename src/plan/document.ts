import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import type { Plan } from './plan.ts';

/** A plan file that was read and checked, before inputs are known. `name` is null when the text has none that is valid. */
export interface PlanDocument {
  readonly name: string | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** For `resolvePlan` alone; null when the text is no YAML map. */
  readonly draft: Draft | null;
}

/** Where the values of inputs come from; precedence as in the plan language. */
export interface GivenInputs {
  /** `--input k=v`, in order. */
  readonly flags: readonly string[];
  /** Absolute paths of `--input-file`, in order: the last one wins. */
  readonly files: readonly string[];
  /** What this deployment was given before by the two above (never sensitive ones). */
  readonly recorded: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ResolveRequest {
  /** Null: the plan's own name. */
  readonly deployment: string | null;
  readonly inputs: GivenInputs;
  /**
   * Which inputs must have a value: all (`up`), those that teardown scripts use (`down`), or none (`validate`, and
   * `down --skip-teardown`), where only what has a value is checked.
   */
  readonly need: 'all' | 'teardown' | 'none';
  /**
   * Names of providers that are opened: inputs that their configurations mention must have a value too, whatever `need`
   * is. Absent: every one that the plan declares for `teardown`, and none for `none`.
   */
  readonly providers?: Iterable<string> | undefined;
}

/** `plan` is null exactly when there are problems; they include the document's own. */
export interface Resolved {
  readonly plan: Plan | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}
