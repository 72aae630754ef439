import { UsageError } from './errors.ts';
import type { MachineState } from './machine.ts';
import type { LabelSelector } from './selector-label.ts';
import { isMachineState, parseLabels, statesHint } from './selector-label.ts';
import type { SelectorTerm } from './selector-term.ts';
import { parseTerm } from './selector-term.ts';

export type { LabelSelector, Requirement } from './selector-label.ts';
export type { SelectorTerm } from './selector-term.ts';

/** Which machines are meant: all that any of terms, labels and states selects, without those of `exclude`. */
export interface SelectorSpec {
  readonly terms: readonly SelectorTerm[];
  readonly labels: readonly LabelSelector[];
  readonly states: readonly MachineState[];
  readonly exclude: readonly SelectorTerm[];
}

/** A selector as it is written. */
export interface SelectorWords {
  /** `web`, `web-0`, `web-*`, `web-0..3`, `@app`, `*`. */
  readonly terms?: readonly string[];
  /** Expressions as `-l` takes them: `tier=front,state in (ready,failed)`. */
  readonly labels?: readonly string[];
  /** Words of `MachineState`, or several with commas between them. */
  readonly states?: readonly string[];
  /** As `terms`. */
  readonly exclude?: readonly string[];
}

/** One machine as a selector sees it; what is not known yet is null. */
export interface SelectableMachine {
  readonly name: string;
  readonly index: number;
  readonly service: string;
  readonly level: string;
  readonly provider: string;
  readonly id: string | null;
  readonly hostname: string | null;
  readonly address: string | null;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
  readonly state: MachineState;
  /** 0 before its first launch, one more with each. */
  readonly generation: number;
  /** `***` stands for a value that a sensitive input is part of. */
  readonly labels: Readonly<Record<string, string>>;
  /** Those that are not sensitive. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** Reads a selector. Throws `UsageError`, which tells the character at which it cannot go on. */
export function parseSelector({
  terms = [],
  labels = [],
  states = [],
  exclude = [],
}: SelectorWords): SelectorSpec {
  return {
    terms: terms.map(parseTerm),
    labels: labels.map(parseLabels),
    states: [...new Set(states.flatMap((list) => list.split(',').map(parseState)))],
    exclude: exclude.map(parseTerm),
  };
}

/** True when nothing says which machines are meant: exclusions alone do not. */
export function isEmptySelector({ terms, labels, states }: SelectorSpec): boolean {
  return terms.length + labels.length + states.length === 0;
}

function parseState(given: string): MachineState {
  const word = given.trim();
  if (isMachineState(word)) return word;
  throw new UsageError(
    `Cannot select by state ${JSON.stringify(word)}: there is none of this name`,
    statesHint(word),
  );
}
