import type { Scalar } from '../json.ts';

/** A compiled template, or a literal; `text` is its source. Opaque to everything but `plan/template*.ts`. */
export interface Template {
  readonly text: string;
}

/** The attributes and outputs of one machine as templates see them. Null does not render. */
export type Attributes = Readonly<Record<string, string | number | null>>;

/** What a template may read when it is rendered. */
export interface Scope {
  readonly inputs: Readonly<Record<string, Scalar>>;
  readonly deployment: { readonly name: string };
  readonly self?: Attributes;
  /**
   * Machines of a service in index order: the ready ones of an earlier level, the reached ones of the own level;
   * undefined: there is no such service. Asked once per rendering, and only for services that the template names.
   */
  machines?(service: string): readonly Attributes[] | undefined;
}

/** A value that a template needs does not exist or does not render: an unknown name, a null, a list. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

/** Something wrong with a template that is known before it is rendered. */
export interface TemplateProblem {
  readonly message: string;
  /** Index in the template's text. */
  readonly offset: number;
  readonly length: number;
  /** A sentence such as `Did you mean "hostname"?`. */
  readonly suggestion: string | null;
}

/** What a field's template may read, known before there is any machine. */
export interface ScopeShape {
  readonly inputs: readonly string[];
  readonly deployment: boolean;
  readonly self: Names | null;
  readonly services: Readonly<Record<string, ServiceShape>>;
}

export interface Names {
  readonly known: readonly string[];
  /** Name → why it is not available here. */
  readonly refused: Readonly<Record<string, string>>;
}

export type ServiceShape =
  | { readonly kind: 'available'; readonly attributes: Names }
  | { readonly kind: 'refused'; readonly why: string };

/** The names that a template mentions, whether it reads them or not. */
export interface References {
  readonly inputs: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly self: ReadonlySet<string>;
}
