import type { Scalar } from '../json.ts';
import { didYouMean } from '../nearest.ts';
import { HELPERS, isHelper, uncheckable } from './template-helpers.ts';
import type { HelperName } from './template-helpers.ts';
import { follow, report, simpleName, step, valueOf } from './template-places.ts';
import type { Notes, Place, Surroundings } from './template-places.ts';
import type { Expression, Span } from './template-program.ts';
import type { TemplateProblem } from './template-scope.ts';
import type {
  Argument,
  Hash,
  Literal,
  Locate,
  Mustache,
  Path,
  SubExpression,
  SyntaxNode,
} from './template-syntax.ts';

export interface Source {
  readonly text: string;
  readonly locate: Locate;
  readonly notes: Notes;
}

/** What the language does not have; it ends the reading of a template. */
export class Unusable extends Error {
  readonly problem: TemplateProblem;

  constructor(problem: TemplateProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Each has a body or parentheses of its own around it: no template that a person writes comes near. */
const DEEPEST = 100;
const LONGEST_PATH = 20;

/** A path, or a helper with its arguments, as it stands between braces or parentheses. */
export function readInvocation(
  node: Mustache | SubExpression,
  surroundings: Surroundings,
  source: Source,
): Place {
  const path = asPath(node.path);
  const name = simpleName(path, surroundings);
  const [named] = (node.hash as Hash | undefined)?.pairs ?? [];
  if (name !== null && isHelper(name)) {
    if (named !== undefined)
      refuse(source, named, `"${name}" takes no named arguments ({{${HELPERS[name].usage}}})`);
    return readCall(node, name, surroundings, source);
  }
  if (name !== null && BLOCK_NAMES.includes(name)) {
    refuse(source, path, `"${name}" is a block: write {{#${name} …}} … {{/${name}}}`);
  }
  if (node.type === 'MustacheStatement' && node.params.length === 0 && named === undefined) {
    return readPath(path, surroundings, source);
  }
  const message = surroundings.blockParams.has(path.original)
    ? `"${path.original}" is a name that a block binds, not a helper`
    : `There is no helper "${path.original}": there are ${Object.keys(HELPERS).join(', ')}`;
  return refuse(source, path, message, didYouMean(path.original, Object.keys(HELPERS)));
}

export const BLOCK_NAMES: readonly string[] = ['if', 'unless', 'each', 'with'];

function readCall(
  node: Mustache | SubExpression,
  helper: HelperName,
  surroundings: Surroundings,
  source: Source,
): Place {
  const { parameters, usage } = HELPERS[helper];
  if (node.params.length !== parameters.length) {
    const wanted = parameters.length === 1 ? '1 argument' : `${parameters.length} arguments`;
    refuse(source, node, `"${helper}" takes ${wanted}, not ${node.params.length} ({{${usage}}})`);
  }
  const span = spanOf(node, source);
  const [first, second] = node.params;
  if (helper === 'lookup' && first !== undefined && second !== undefined) {
    return readLookup(span, first, second, surroundings, source);
  }
  const args = node.params.map((argument) => readValue(argument, surroundings, source));
  return { kind: 'value', value: { ...span, kind: 'call', helper, args } };
}

/** What `lookup` finds under a name that is written down is found now, as if it were written as a path. */
function readLookup(
  span: Span,
  first: Argument,
  second: Argument,
  surroundings: Surroundings,
  source: Source,
): Place {
  const of = readArgument(first, surroundings, source);
  const key = readValue(second, surroundings, source);
  if (of.kind === 'invalid' || key.kind === 'invalid') return { kind: 'invalid' };
  if (key.kind === 'constant' && (typeof key.value === 'string' || typeof key.value === 'number')) {
    return step(of, String(key.value), span, source.notes);
  }
  if (of.kind === 'value')
    return { kind: 'value', value: { ...span, kind: 'call', helper: 'lookup', args: [of.value, key] } };
  return report(source.notes, span, uncheckable(span.source));
}

/** An argument where a value is wanted. */
export function readValue(node: Argument, surroundings: Surroundings, source: Source): Expression {
  return valueOf(readArgument(node, surroundings, source), spanOf(node, source), source.notes);
}

export function readArgument(node: Argument, surroundings: Surroundings, source: Source): Place {
  switch (node.type) {
    case 'PathExpression': {
      const name = simpleName(node as Path, surroundings);
      if (name !== null && isHelper(name)) {
        refuse(source, node, `"${name}" is a helper: as an argument it is written (${HELPERS[name].usage})`);
      }
      return readPath(node as Path, surroundings, source);
    }
    case 'SubExpression':
      return readInvocation(node as SubExpression, goDeeper(node, surroundings, source), source);
    case 'UndefinedLiteral':
      return refuse(source, node, '"undefined" is not a value');
    case 'NullLiteral':
      return constant(node, null, source);
    default:
      return constant(node, (node as Literal).value, source);
  }
}

function constant(node: SyntaxNode, value: Scalar | null, source: Source): Place {
  return { kind: 'value', value: { ...spanOf(node, source), kind: 'constant', value } };
}

function readPath(path: Path, surroundings: Surroundings, source: Source): Place {
  if (path.parts.length > LONGEST_PATH) refuse(source, path, `A path has at most ${LONGEST_PATH} parts`);
  const { offset, length } = source.locate(path);
  return follow(path, { offset, length, source: path.original }, surroundings, source.notes);
}

/** Handlebars reads a literal in the place of a name as that name. */
export function asPath(node: Path | Argument): Path {
  if (node.type === 'PathExpression') return node as Path;
  const original = String((node as Partial<Literal>).original);
  return { type: 'PathExpression', data: false, depth: 0, parts: [original], original, loc: node.loc };
}

export function goDeeper(node: SyntaxNode, surroundings: Surroundings, source: Source): Surroundings {
  if (surroundings.depth >= DEEPEST)
    refuse(source, node, 'Cannot read the template: it is nested too deeply');
  return { ...surroundings, depth: surroundings.depth + 1 };
}

export function refuse(
  source: Source,
  node: SyntaxNode,
  message: string,
  suggestion: string | null = null,
): never {
  throw new Unusable({ message, ...source.locate(node), suggestion });
}

/** A node's place in the text; its source is without the braces around it. */
export function spanOf(node: SyntaxNode, { text, locate }: Source): Span {
  const { offset, length } = locate(node);
  const source = text.slice(offset, offset + length).replace(/^\{\{+[~&]?\s*|\s*~?\}\}+$/g, '');
  return { offset, length, source };
}
