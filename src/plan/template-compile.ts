import type { Scalar } from '../json.ts';
import { didYouMean } from './nearest.ts';
import { HELPERS, isHelper } from './template-helpers.ts';
import { LOOP, LOOP_SLOTS } from './template-program.ts';
import type { Block, Expression, Program, Span, Statement } from './template-program.ts';
import type { TemplateProblem } from './template-scope.ts';
import type {
  Argument,
  BlockNode,
  Content,
  Locate,
  Mustache,
  Path,
  SyntaxNode,
  SyntaxTree,
} from './template-syntax.ts';

/** What a path has reached: a value, or a name that only leads on to values. */
type Place =
  | { readonly kind: 'root' | 'inputs' | 'deployment' | 'services' | 'self' | 'invalid' }
  | { readonly kind: 'service' | 'all'; readonly service: string }
  | { readonly kind: 'value'; readonly value: Expression };

/** What a path may begin with at some point of a template. */
interface Surroundings {
  /** What `this` and `../` stand for, innermost first. */
  readonly contexts: readonly Place[];
  readonly blockParams: ReadonlyMap<string, Place>;
  /** First slots of the enclosing loops, innermost first. */
  readonly loops: readonly number[];
  readonly depth: number;
}

const BLOCKS: Readonly<Record<string, { readonly names: number }>> = {
  if: { names: 0 },
  unless: { names: 0 },
  each: { names: 2 },
  with: { names: 1 },
};
const ROOTS = ['inputs', 'deployment', 'services', 'self'] as const;
const LOOP_NAMES = ['index', 'key', 'first', 'last'] as const;
const DEEPEST = 100;
const OUTERMOST: Surroundings = {
  contexts: [{ kind: 'root' }],
  blockParams: new Map(),
  loops: [],
  depth: 0,
};

class Unusable extends Error {
  readonly problem: TemplateProblem;

  constructor(problem: TemplateProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

export type Compiled =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly problem: TemplateProblem };

/**
 * Turns a syntax tree into a program: decides which names are helpers and where every path leads. What the language
 * does not have (partials, unknown helpers) makes it fail; unknown names are collected in the program.
 */
export function compileTree(text: string, tree: SyntaxTree, locate: Locate): Compiled {
  const compiler = createCompiler(text, locate);
  try {
    return { ok: true, program: compiler(tree) };
  } catch (error) {
    if (error instanceof Unusable) return { ok: false, problem: error.problem };
    throw error;
  }
}

function createCompiler(text: string, locate: Locate): (tree: SyntaxTree) => Program {
  const problems: TemplateProblem[] = [];
  const inputs = new Set<string>();
  const services = new Set<string>();
  const self = new Set<string>();
  let slots = 0;

  return (tree) => {
    const body = block(tree, OUTERMOST);
    const constant = body.every((statement) => statement.kind === 'text')
      ? body.map((statement) => statement.text).join('')
      : null;
    return {
      body,
      constant: problems.length === 0 ? constant : null,
      slots,
      problems,
      references: { inputs, services, self },
    };
  };

  function spanOf(node: SyntaxNode): Span {
    const { offset, length } = locate(node);
    const source = text.slice(offset, offset + length).replace(/^\{\{+[~&]?\s*|\s*~?\}\}+$/g, '');
    return { offset, length, source };
  }

  function refuse(node: SyntaxNode, message: string, suggestion: string | null = null): never {
    const { offset, length } = locate(node);
    throw new Unusable({ message, offset, length, suggestion });
  }

  function report(
    span: Span,
    message: string,
    suggestion: string | null = null,
  ): { readonly kind: 'invalid' } {
    problems.push({ message, offset: span.offset, length: span.length, suggestion });
    return { kind: 'invalid' };
  }

  function block(tree: SyntaxTree | undefined, surroundings: Surroundings): Block {
    if (tree === undefined) return [];
    if (surroundings.depth > DEEPEST) refuse(tree, 'Cannot read the template: it is nested too deeply');
    return tree.body.flatMap((node) => statement(node, surroundings));
  }

  function statement(node: SyntaxNode, surroundings: Surroundings): Block {
    switch (node.type) {
      case 'ContentStatement': {
        const { value } = node as Content;
        return value === '' ? [] : [{ kind: 'text', text: value }];
      }
      case 'CommentStatement':
        return [];
      case 'MustacheStatement':
        return [
          {
            kind: 'output',
            value: valueOf(invocation(node as Mustache, surroundings), spanOf((node as Mustache).path)),
          },
        ];
      case 'BlockStatement':
        return blockStatement(node as BlockNode, surroundings);
      case 'PartialStatement':
      case 'PartialBlockStatement':
        return refuse(node, 'Templates have no partials ({{> …}})');
      default:
        return refuse(node, 'Templates have no decorators ({{* …}})');
    }
  }

  /** A path, or a helper with its arguments, as it stands between braces or parentheses. */
  function invocation(node: Mustache | hbs.AST.SubExpression, surroundings: Surroundings): Place {
    const path = asPath(node.path);
    const name = simpleName(path, surroundings);
    const hash = node.hash as hbs.AST.Hash | undefined;
    if (name !== null && isHelper(name)) {
      const [pair] = hash?.pairs ?? [];
      if (pair !== undefined) refuse(pair, `"${name}" takes no named arguments ({{${HELPERS[name].usage}}})`);
      return call(node, name, surroundings);
    }
    if (name !== null && Object.hasOwn(BLOCKS, name)) {
      refuse(path, `"${name}" is a block: write {{#${name} …}} … {{/${name}}}`);
    }
    if (node.type === 'MustacheStatement' && node.params.length === 0 && hash === undefined)
      return follow(path, surroundings);
    const message = surroundings.blockParams.has(path.original)
      ? `"${path.original}" is a name that a block binds, not a helper`
      : `There is no helper "${path.original}": there are ${Object.keys(HELPERS).join(', ')}`;
    return refuse(path, message, didYouMean(path.original, Object.keys(HELPERS)));
  }

  function call(
    node: Mustache | hbs.AST.SubExpression,
    helper: keyof typeof HELPERS,
    surroundings: Surroundings,
  ): Place {
    const { parameters, usage } = HELPERS[helper];
    if (node.params.length !== parameters.length) {
      refuse(node, `"${helper}" takes ${count(parameters.length)}, not ${node.params.length} ({{${usage}}})`);
    }
    const span = spanOf(node);
    const [first, second] = node.params;
    if (helper === 'lookup' && first !== undefined && second !== undefined)
      return lookup(span, first, second, surroundings);
    const args = node.params.map((argument) => valueOf(place(argument, surroundings), spanOf(argument)));
    return { kind: 'value', value: { ...span, kind: 'call', helper, args } };
  }

  /** What `lookup` finds under a name that is written down is found now, as if it were written as a path. */
  function lookup(span: Span, first: Argument, second: Argument, surroundings: Surroundings): Place {
    const of = place(first, surroundings);
    const key = valueOf(place(second, surroundings), spanOf(second));
    if (of.kind === 'invalid' || key.kind === 'invalid') return { kind: 'invalid' };
    if (key.kind === 'constant' && (typeof key.value === 'string' || typeof key.value === 'number')) {
      return step(of, String(key.value), span, span.source);
    }
    if (of.kind !== 'value') {
      return report(
        span,
        `Cannot check what "${span.source}" finds: write the name that it looks up as a text`,
      );
    }
    return { kind: 'value', value: { ...span, kind: 'call', helper: 'lookup', args: [of.value, key] } };
  }

  function place(node: Argument, surroundings: Surroundings): Place {
    const deeper = { ...surroundings, depth: surroundings.depth + 1 };
    if (deeper.depth > DEEPEST) refuse(node, 'Cannot read the template: it is nested too deeply');
    switch (node.type) {
      case 'PathExpression': {
        const name = simpleName(node as Path, surroundings);
        if (name !== null && isHelper(name)) {
          refuse(
            node,
            `"${name}" is a helper: as an argument it is written in parentheses, (${HELPERS[name].usage})`,
          );
        }
        return follow(node as Path, surroundings);
      }
      case 'SubExpression':
        return invocation(node as hbs.AST.SubExpression, deeper);
      case 'UndefinedLiteral':
        return refuse(node, '"undefined" is not a value');
      case 'NullLiteral':
        return constant(node, null);
      default:
        return constant(
          node,
          (node as hbs.AST.StringLiteral | hbs.AST.NumberLiteral | hbs.AST.BooleanLiteral).value,
        );
    }
  }

  function constant(node: SyntaxNode, value: Scalar | null): Place {
    return { kind: 'value', value: { ...spanOf(node), kind: 'constant', value } };
  }

  function follow(path: Path, surroundings: Surroundings): Place {
    const span = { ...spanOf(path), source: path.original };
    const [head = '', ...tail] = path.parts;
    if (path.data) return walk(loopName(path, span, head, surroundings), tail, span);
    const bound = path.depth === 0 && !isScoped(path) ? surroundings.blockParams.get(head) : undefined;
    if (bound !== undefined) return walk(bound, tail, span);
    const context = surroundings.contexts[path.depth];
    if (context !== undefined) return walk(context, path.parts, span);
    return report(span, `"${path.original}" is unknown: "../" leads out of the template there`);
  }

  function loopName(path: Path, span: Span, head: string, surroundings: Surroundings): Place {
    if (head === 'root' && path.depth <= surroundings.loops.length) return { kind: 'root' };
    const known = LOOP_NAMES.find((name) => name === head);
    if (known === undefined) {
      const suggestion = didYouMean(head, ['root', ...LOOP_NAMES])?.replace('"', '"@') ?? null;
      return report(
        span,
        `"${path.original}" is unknown: templates know @root and, inside #each, @index, @key, @first and @last`,
        suggestion,
      );
    }
    const slot = surroundings.loops[path.depth];
    if (slot === undefined) return report(span, `"${path.original}" is unknown: there is no #each around it`);
    return { kind: 'value', value: { ...span, kind: 'slot', slot: slot + LOOP[known] } };
  }

  function walk(from: Place, parts: readonly string[], span: Span): Place {
    let at = from;
    for (const part of parts) at = step(at, part, span, span.source);
    return at;
  }

  function step(from: Place, name: string, span: Span, source: string): Place {
    const found = (value: DistributiveOmit<Expression, keyof Span>): Place => ({
      kind: 'value',
      value: { ...span, source, ...value },
    });
    switch (from.kind) {
      case 'invalid':
        return from;
      case 'root': {
        const root = ROOTS.find((known) => known === name);
        if (root !== undefined) return { kind: root };
        return report(
          span,
          `"${source}" is unknown: templates know inputs, services, self and deployment`,
          didYouMean(name, ROOTS),
        );
      }
      case 'inputs':
        inputs.add(name);
        return found({ kind: 'input', name });
      case 'deployment':
        if (name === 'name') return found({ kind: 'deployment-name' });
        return report(
          span,
          `"${source}" is unknown: a deployment has only a name`,
          didYouMean(name, ['name']),
        );
      case 'self':
        self.add(name);
        return found({ kind: 'self', name });
      case 'services':
        services.add(name);
        return { kind: 'service', service: name };
      case 'service':
        if (name === 'all') return { kind: 'all', service: from.service };
        if (name === 'machines') return found({ kind: 'machines', service: from.service });
        return found({ kind: 'attribute', service: from.service, name });
      case 'all':
        return found({ kind: 'all', service: from.service, name });
      case 'value':
        return found({ kind: 'item', of: from.value, key: name });
    }
  }

  /** What is read where a value is wanted; `span` is where. */
  function valueOf(from: Place, span: Span): Expression {
    if (from.kind === 'value') return from.value;
    if (from.kind === 'invalid') return { ...span, kind: 'invalid' };
    if (from.kind === 'root')
      return { ...span, ...report(span, `"${span.source}" is not a value: name what you need`) };
    const name =
      'service' in from ? `services.${from.service}${from.kind === 'all' ? '.all' : ''}` : from.kind;
    return { ...span, ...report(span, `"${name}" is not a value: name what you need of it`) };
  }

  function blockStatement(node: BlockNode, surroundings: Surroundings): Block {
    const path = asPath(node.path);
    const name = simpleName(path, surroundings) ?? '';
    if ((node.openStrip as { readonly open?: boolean }).open === undefined)
      refuse(node, 'Templates have no raw blocks ({{{{…}}}})');
    const known = Object.hasOwn(BLOCKS, name) ? BLOCKS[name] : undefined;
    if (known === undefined) {
      refuse(
        path,
        `"${path.original}" is not a block: there are #if, #unless, #each and #with`,
        didYouMean(path.original, Object.keys(BLOCKS)),
      );
    }
    const [argument] = node.params;
    if (argument === undefined || node.params.length !== 1) {
      return refuse(path, `"#${name}" takes 1 argument, not ${node.params.length}`);
    }
    const program = node.program as SyntaxTree | undefined;
    const names = (program?.blockParams as readonly string[] | undefined) ?? [];
    if (names.length > known.names) {
      refuse(
        path,
        `"#${name}" binds ${known.names === 0 ? 'no names' : known.names === 1 ? 'one name' : 'two names'}, not ${names.length}`,
      );
    }
    const includeZero = namedArgument(node, name, surroundings);
    const inner = { ...surroundings, depth: surroundings.depth + 1 };
    const inverse = node.inverse as SyntaxTree | undefined;
    const of = place(argument, surroundings);
    if (name === 'with') return withBlock(of, argument, names, program, inverse, inner);
    const value = valueOf(of, spanOf(argument));
    if (name === 'each') return eachBlock(value, names, program, inverse, inner);
    const yes = block(program, inner);
    const no = block(inverse, inner);
    const [whenTrue, whenFalse] = name === 'if' ? [yes, no] : [no, yes];
    return [{ kind: 'if', condition: value, includeZero, whenTrue, whenFalse }];
  }

  function namedArgument(node: BlockNode, name: string, surroundings: Surroundings): Expression | null {
    const hash = node.hash as hbs.AST.Hash | undefined;
    let found: Expression | null = null;
    for (const pair of hash?.pairs ?? []) {
      if (pair.key !== 'includeZero' || (name !== 'if' && name !== 'unless')) {
        refuse(
          pair,
          `"#${name}" has no argument named "${pair.key}"`,
          name === 'if' ? didYouMean(pair.key, ['includeZero']) : null,
        );
      }
      found = valueOf(place(pair.value, surroundings), spanOf(pair.value));
    }
    return found;
  }

  function withBlock(
    of: Place,
    argument: Argument,
    [name]: readonly string[],
    program: SyntaxTree | undefined,
    inverse: SyntaxTree | undefined,
    surroundings: Surroundings,
  ): Block {
    const slot = slots;
    let context = of;
    if (of.kind === 'value') {
      slots += 1;
      context = { kind: 'value', value: { ...spanOf(argument), kind: 'slot', slot } };
    }
    const blockParams = new Map(surroundings.blockParams);
    if (name !== undefined) blockParams.set(name, context);
    const body = block(program, {
      ...surroundings,
      contexts: [context, ...surroundings.contexts],
      blockParams,
    });
    const otherwise = block(inverse, surroundings);
    return of.kind === 'value' ? [{ kind: 'with', value: of.value, slot, body, otherwise }] : body;
  }

  function eachBlock(
    list: Expression,
    [valueName, keyName]: readonly string[],
    program: SyntaxTree | undefined,
    inverse: SyntaxTree | undefined,
    surroundings: Surroundings,
  ): Block {
    const slot = slots;
    slots += LOOP_SLOTS;
    const bound = (offset: number): Place =>
      list.kind === 'invalid'
        ? { kind: 'invalid' }
        : {
            kind: 'value',
            value: {
              offset: list.offset,
              length: list.length,
              source: 'this',
              kind: 'slot',
              slot: slot + offset,
            },
          };
    const blockParams = new Map(surroundings.blockParams);
    if (valueName !== undefined) blockParams.set(valueName, bound(LOOP.value));
    if (keyName !== undefined) blockParams.set(keyName, bound(LOOP.key));
    const body = block(program, {
      contexts: [bound(LOOP.value), ...surroundings.contexts],
      blockParams,
      loops: [slot, ...surroundings.loops],
      depth: surroundings.depth,
    });
    const otherwise = block(inverse, surroundings);
    const statement: Statement = { kind: 'each', list, slot, body, otherwise };
    return [statement];
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Handlebars reads a literal in the place of a name as that name. */
function asPath(node: Path | hbs.AST.Expression): Path {
  if (node.type === 'PathExpression') return node as Path;
  const original = String((node as Partial<hbs.AST.StringLiteral>).original);
  return { type: 'PathExpression', data: false, depth: 0, parts: [original], original, loc: node.loc };
}

/** The name of a path that is nothing but a name; only such a path can be a helper. */
function simpleName(path: Path, { blockParams }: Surroundings): string | null {
  const [name] = path.parts;
  if (name === undefined || path.parts.length > 1 || path.depth > 0 || path.data || isScoped(path))
    return null;
  return blockParams.has(name) ? null : name;
}

/** `this.x` and `./x` mean the context even where a block parameter or a helper has that name. */
function isScoped({ original }: Path): boolean {
  return /^(?:\.|this(?:$|[./]))/.test(original);
}

function count(parameters: number): string {
  return parameters === 1 ? '1 argument' : `${parameters} arguments`;
}
