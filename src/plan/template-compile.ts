import { didYouMean } from '../nearest.ts';
import {
  asPath,
  BLOCK_NAMES,
  goDeeper,
  readArgument,
  readInvocation,
  readValue,
  refuse,
  spanOf,
  Unusable,
} from './template-expressions.ts';
import type { Source } from './template-expressions.ts';
import { OUTERMOST, simpleName, valueOf } from './template-places.ts';
import type { Place, Surroundings } from './template-places.ts';
import { LOOP, LOOP_SLOTS } from './template-program.ts';
import type { Block, Expression, Program, Span, Statement } from './template-program.ts';
import type { TemplateProblem } from './template-scope.ts';
import { NO_RAW_BLOCKS } from './template-syntax.ts';
import type {
  Argument,
  BlockNode,
  Content,
  Hash,
  Locate,
  Mustache,
  SyntaxNode,
  SyntaxTree,
} from './template-syntax.ts';

export type Compiled =
  | { readonly ok: true; readonly program: Program }
  | { readonly ok: false; readonly problem: TemplateProblem };

interface Compilation extends Source {
  /** Hands out slots that nothing else of the template uses; answers the first. */
  reserve(slots: number): number;
}

/**
 * Turns a syntax tree into a program: decides which names are helpers and where every path leads. What the language
 * does not have (partials, unknown helpers) makes it fail; unknown names are collected in the program.
 */
export function compileTree(text: string, tree: SyntaxTree, locate: Locate): Compiled {
  const notes = {
    problems: new Array<TemplateProblem>(),
    inputs: new Set<string>(),
    services: new Set<string>(),
    self: new Set<string>(),
  };
  let used = 0;
  const reserve = (slots: number): number => (used += slots) - slots;
  try {
    const body = readBlock(tree, OUTERMOST, { text, locate, notes, reserve });
    const { problems, ...references } = notes;
    return { ok: true, program: { body, constant: constantOf(body), problems, references } };
  } catch (error) {
    if (error instanceof Unusable) return { ok: false, problem: error.problem };
    throw error;
  }
}

function constantOf(body: Block): string | null {
  let text = '';
  for (const statement of body) {
    if (statement.kind !== 'text') return null;
    text += statement.text;
  }
  return text;
}

function readBlock(
  tree: SyntaxTree | undefined,
  surroundings: Surroundings,
  compilation: Compilation,
): Block {
  return tree?.body.flatMap((node) => readStatement(node, surroundings, compilation)) ?? [];
}

function readStatement(node: SyntaxNode, surroundings: Surroundings, compilation: Compilation): Block {
  switch (node.type) {
    case 'ContentStatement':
      return (node as Content).value === '' ? [] : [{ kind: 'text', text: (node as Content).value }];
    case 'CommentStatement':
      return [];
    case 'MustacheStatement': {
      const from = readInvocation(node as Mustache, surroundings, compilation);
      const span = spanOf((node as Mustache).path, compilation);
      return [{ kind: 'output', value: valueOf(from, span, compilation.notes) }];
    }
    case 'BlockStatement':
      return readBlockStatement(node as BlockNode, surroundings, compilation);
    case 'PartialStatement':
    case 'PartialBlockStatement':
      return refuse(compilation, node, 'Templates have no partials ({{> …}})');
    default:
      return refuse(compilation, node, 'Templates have no decorators ({{* …}})');
  }
}

/** The parts of a block statement that has the form of one. */
interface Parts {
  readonly argument: Argument;
  readonly names: readonly string[];
  readonly program: SyntaxTree | undefined;
  readonly inverse: SyntaxTree | undefined;
}

function readBlockStatement(node: BlockNode, surroundings: Surroundings, compilation: Compilation): Block {
  if ((node.openStrip as { readonly open?: boolean }).open === undefined) {
    refuse(compilation, node, NO_RAW_BLOCKS);
  }
  const path = asPath(node.path);
  const name = simpleName(path, surroundings);
  const inner = goDeeper(node, surroundings, compilation);
  switch (name) {
    case 'if':
    case 'unless': {
      const { argument, program, inverse } = partsOf(node, name, 0, compilation);
      const condition = readValue(argument, surroundings, compilation);
      const includeZero = readIncludeZero(node, surroundings, compilation);
      const yes = readBlock(program, inner, compilation);
      const no = readBlock(inverse, inner, compilation);
      const [whenTrue, whenFalse] = name === 'if' ? [yes, no] : [no, yes];
      return [{ kind: 'if', condition, includeZero, whenTrue, whenFalse }];
    }
    case 'with':
      return readWith(partsOf(node, name, 1, compilation), inner, compilation);
    case 'each':
      return readEach(partsOf(node, name, 2, compilation), inner, compilation);
    case null:
    default: {
      const message = `"${path.original}" is not a block: there are #if, #unless, #each and #with`;
      return refuse(compilation, path, message, didYouMean(path.original, BLOCK_NAMES));
    }
  }
}

function partsOf(node: BlockNode, name: string, mostNames: number, compilation: Compilation): Parts {
  const [argument] = node.params;
  if (argument === undefined || node.params.length !== 1) {
    return refuse(compilation, node.path, `"#${name}" takes 1 argument, not ${node.params.length}`);
  }
  const program = node.program as SyntaxTree | undefined;
  const names = program?.blockParams ?? [];
  if (names.length > mostNames) {
    refuse(compilation, node.path, `"#${name}" binds at most ${mostNames} names, not ${names.length}`);
  }
  for (const pair of (node.hash as Hash | undefined)?.pairs ?? []) {
    if (pair.key === 'includeZero' && mostNames === 0) continue;
    refuse(compilation, pair, `"#${name}" has no argument named "${pair.key}"`);
  }
  return { argument, names, program, inverse: node.inverse };
}

function readIncludeZero(
  node: BlockNode,
  surroundings: Surroundings,
  compilation: Compilation,
): Expression | null {
  const pair = (node.hash as Hash | undefined)?.pairs.at(-1);
  return pair === undefined ? null : readValue(pair.value, surroundings, compilation);
}

/** A name that only leads on to values (`services.db`) needs no slot: the body is read as if it stood there. */
function readWith(
  { argument, names, program, inverse }: Parts,
  surroundings: Surroundings,
  compilation: Compilation,
): Block {
  const of = readArgument(argument, surroundings, compilation);
  const otherwise = readBlock(inverse, surroundings, compilation);
  if (of.kind !== 'value') {
    const whenTrue = readBlock(program, enter(surroundings, names, [of]), compilation);
    const condition: Expression = { ...spanOf(argument, compilation), kind: 'constant', value: true };
    const entered: Statement = { kind: 'if', condition, includeZero: null, whenTrue, whenFalse: otherwise };
    return [...requirement(of, condition), entered];
  }
  const slot = compilation.reserve(1);
  const context: Place = { kind: 'value', value: { ...spanOf(argument, compilation), kind: 'slot', slot } };
  const body = readBlock(program, enter(surroundings, names, [context]), compilation);
  return [{ kind: 'with', value: of.value, slot, body, otherwise }];
}

function requirement(place: Place, { offset, length, source }: Span): Block {
  const from = { offset, length, source };
  if (place.kind === 'service' || place.kind === 'all') {
    return [{ kind: 'require', from, name: { kind: 'service', service: place.service } }];
  }
  if (place.kind !== 'self' && place.kind !== 'deployment') return [];
  return [{ kind: 'require', from, name: { kind: place.kind } }];
}

function readEach(
  { argument, names, program, inverse }: Parts,
  surroundings: Surroundings,
  compilation: Compilation,
): Block {
  const list = readValue(argument, surroundings, compilation);
  const otherwise = readBlock(inverse, surroundings, compilation);
  const slot = compilation.reserve(LOOP_SLOTS);
  const span = spanOf(argument, compilation);
  const bound = (offset: number): Place =>
    list.kind === 'invalid'
      ? { kind: 'invalid' }
      : { kind: 'value', value: { ...span, kind: 'slot', slot: slot + offset } };
  const inner = enter(surroundings, names, [bound(LOOP.value), bound(LOOP.key)]);
  const body = readBlock(program, { ...inner, loops: [slot, ...inner.loops] }, compilation);
  return [{ kind: 'each', list, slot, body, otherwise }];
}

/** The surroundings of a block's body: the first bound place is its context, and names are bound in order. */
function enter(
  surroundings: Surroundings,
  names: readonly string[],
  bound: readonly [Place, ...Place[]],
): Surroundings {
  const blockParams = new Map(surroundings.blockParams);
  for (const [index, name] of names.entries()) blockParams.set(name, bound[index] ?? { kind: 'invalid' });
  return { ...surroundings, contexts: [bound[0], ...surroundings.contexts], blockParams };
}
