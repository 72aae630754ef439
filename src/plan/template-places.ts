import { didYouMean } from '../nearest.ts';
import { LOOP } from './template-program.ts';
import type { Expression, Span } from './template-program.ts';
import type { TemplateProblem } from './template-scope.ts';
import type { Path } from './template-syntax.ts';

/** What a path has reached: a value, or a name that only leads on to values. */
export type Place =
  | { readonly kind: 'root' | 'inputs' | 'deployment' | 'services' | 'self' | 'invalid' }
  | { readonly kind: 'service' | 'all'; readonly service: string }
  | { readonly kind: 'value'; readonly value: Expression };

/** What a path may begin with at some point of a template. */
export interface Surroundings {
  /** What `this` and `../` stand for, innermost first. */
  readonly contexts: readonly Place[];
  readonly blockParams: ReadonlyMap<string, Place>;
  /** First slots of the enclosing loops, innermost first. */
  readonly loops: readonly number[];
  /** Blocks and parentheses around it. */
  readonly depth: number;
}

/** What is gathered on the way through a template. */
export interface Notes {
  readonly problems: TemplateProblem[];
  readonly inputs: Set<string>;
  readonly services: Set<string>;
  readonly self: Set<string>;
}

export const OUTERMOST: Surroundings = {
  contexts: [{ kind: 'root' }],
  blockParams: new Map(),
  loops: [],
  depth: 0,
};

const ROOTS = ['inputs', 'services', 'self', 'deployment'] as const;
const LOOP_NAMES = ['index', 'key', 'first', 'last'] as const;

/** Where a path leads. */
export function follow(path: Path, span: Span, surroundings: Surroundings, notes: Notes): Place {
  const [head = '', ...tail] = path.parts;
  if (path.data) return walk(dataName(path, head, span, surroundings, notes), tail, span, notes);
  const bound = path.depth === 0 && !isScoped(path) ? surroundings.blockParams.get(head) : undefined;
  if (bound !== undefined) return walk(bound, tail, span, notes);
  const context = surroundings.contexts[path.depth];
  if (context !== undefined) return walk(context, path.parts, span, notes);
  return report(notes, span, `"${span.source}" is unknown: "../" leads out of the template there`);
}

function dataName(path: Path, head: string, span: Span, { loops }: Surroundings, notes: Notes): Place {
  if (head === 'root' && path.depth <= loops.length) return { kind: 'root' };
  const known = LOOP_NAMES.find((name) => name === head);
  if (known === undefined) {
    const message = `"${span.source}" is unknown: there are @root and, inside #each, @index, @key, @first and @last`;
    return report(
      notes,
      span,
      message,
      didYouMean(`@${head}`, ['@root', ...LOOP_NAMES.map((name) => `@${name}`)]),
    );
  }
  const slot = loops[path.depth];
  if (slot === undefined)
    return report(notes, span, `"${span.source}" is unknown: there is no such #each around it`);
  return { kind: 'value', value: { ...span, kind: 'slot', slot: slot + LOOP[known] } };
}

function walk(from: Place, parts: readonly string[], span: Span, notes: Notes): Place {
  let at = from;
  for (const part of parts) at = step(at, part, span, notes);
  if (at.kind !== 'value') return at;
  return { kind: 'value', value: { ...at.value, ...span } };
}

/** Goes on from a place by one name. */
export function step(from: Place, name: string, span: Span, notes: Notes): Place {
  switch (from.kind) {
    case 'invalid':
      return from;
    case 'root': {
      const root = ROOTS.find((known) => known === name);
      if (root !== undefined) return { kind: root };
      const message = `"${span.source}" is unknown: templates know inputs, services, self and deployment`;
      return report(notes, span, message, didYouMean(name, ROOTS));
    }
    case 'inputs':
      notes.inputs.add(name);
      return { kind: 'value', value: { ...span, kind: 'input', name } };
    case 'deployment':
      if (name === 'name') return { kind: 'value', value: { ...span, kind: 'deployment-name' } };
      return report(
        notes,
        span,
        `"${span.source}" is unknown: a deployment has only a name`,
        didYouMean(name, ['name']),
      );
    case 'self':
      notes.self.add(name);
      return { kind: 'value', value: { ...span, kind: 'self', name } };
    case 'services':
      notes.services.add(name);
      return { kind: 'service', service: name };
    case 'service':
      if (name === 'all') return { kind: 'all', service: from.service };
      if (name === 'machines')
        return { kind: 'value', value: { ...span, kind: 'machines', service: from.service } };
      return { kind: 'value', value: { ...span, kind: 'attribute', service: from.service, name } };
    case 'all':
      return { kind: 'value', value: { ...span, kind: 'all', service: from.service, name } };
    case 'value':
      return { kind: 'value', value: { ...span, kind: 'item', of: from.value, key: name } };
  }
}

/** What is read where a value is wanted; `span` is where. */
export function valueOf(from: Place, span: Span, notes: Notes): Expression {
  if (from.kind === 'value') return from.value;
  if (from.kind !== 'invalid') {
    const name =
      'service' in from ? `services.${from.service}${from.kind === 'all' ? '.all' : ''}` : from.kind;
    report(
      notes,
      span,
      `"${from.kind === 'root' ? span.source : name}" is not a value: name what you need of it`,
    );
  }
  return { ...span, kind: 'invalid' };
}

export function report(notes: Notes, span: Span, message: string, suggestion: string | null = null): Place {
  notes.problems.push({ message, offset: span.offset, length: span.length, suggestion });
  return { kind: 'invalid' };
}

/** The name of a path that is nothing but a name; only such a path can be a helper or a block. */
export function simpleName(path: Path, { blockParams }: Surroundings): string | null {
  const [name] = path.parts;
  if (name === undefined || path.parts.length > 1 || path.depth > 0 || path.data || isScoped(path))
    return null;
  return blockParams.has(name) ? null : name;
}

/** `this.x` and `./x` mean the context even where a block parameter or a helper has that name. */
function isScoped({ original }: Path): boolean {
  return /^(?:\.|this(?:$|[./]))/.test(original);
}
