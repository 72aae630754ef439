import type { Scalar } from '../json.ts';
import type { HelperName } from './template-helpers.ts';
import type { References, TemplateProblem } from './template-scope.ts';

/** Where something stands in a template's text, and its text there. */
export interface Span {
  readonly offset: number;
  readonly length: number;
  readonly source: string;
}

/**
 * A value. Every path is resolved to where it comes from: nothing is looked up by name in a context when a template
 * is rendered, so there is nothing that could fall back to a prototype or to an empty string.
 */
export type Expression = Span &
  (
    | { readonly kind: 'constant'; readonly value: Scalar | null }
    | { readonly kind: 'input'; readonly name: string }
    | { readonly kind: 'deployment-name' }
    | { readonly kind: 'self'; readonly name: string }
    /** An attribute of the lowest machine. */
    | { readonly kind: 'attribute'; readonly service: string; readonly name: string }
    /** That attribute of every machine. */
    | { readonly kind: 'all'; readonly service: string; readonly name: string }
    | { readonly kind: 'machines'; readonly service: string }
    /** What an enclosing `#each` or `#with` bound. */
    | { readonly kind: 'slot'; readonly slot: number }
    | { readonly kind: 'item'; readonly of: Expression; readonly key: string }
    | { readonly kind: 'call'; readonly helper: HelperName; readonly args: readonly Expression[] }
    /** Stands for something that is among the program's problems. */
    | { readonly kind: 'invalid' }
  );

export type Requirement =
  { readonly kind: 'self' | 'deployment' } | { readonly kind: 'service'; readonly service: string };

export type Block = readonly Statement[];

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly value: Expression }
  /** Renders to nothing, but must exist: what a `#with` enters by a name that is not a value. */
  | { readonly kind: 'require'; readonly from: Span; readonly name: Requirement }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly includeZero: Expression | null;
      readonly whenTrue: Block;
      readonly whenFalse: Block;
    }
  | {
      readonly kind: 'with';
      readonly value: Expression;
      readonly slot: number;
      readonly body: Block;
      readonly otherwise: Block;
    }
  /** Binds `LOOP` slots from `slot` on. */
  | {
      readonly kind: 'each';
      readonly list: Expression;
      readonly slot: number;
      readonly body: Block;
      readonly otherwise: Block;
    };

/** Slots of one `#each`, relative to its first. */
export const LOOP = { value: 0, key: 1, index: 2, first: 3, last: 4 } as const;
export const LOOP_SLOTS = 5;

export interface Program {
  readonly body: Block;
  /** The text that it renders to whatever the scope; null: it has expressions. */
  readonly constant: string | null;
  /** Names that no scope could have. A program that has problems does not render. */
  readonly problems: readonly TemplateProblem[];
  readonly references: References;
}
