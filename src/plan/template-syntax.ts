import Handlebars from 'handlebars';
import type { TemplateProblem } from './template-scope.ts';

export type Path = hbs.AST.PathExpression;
export type Argument = hbs.AST.Expression;
export type Mustache = hbs.AST.MustacheStatement;
export type BlockNode = hbs.AST.BlockStatement;
export type SubExpression = hbs.AST.SubExpression;
export type Literal = hbs.AST.StringLiteral | hbs.AST.NumberLiteral | hbs.AST.BooleanLiteral;
export type Hash = hbs.AST.Hash;
export type Content = hbs.AST.ContentStatement;
export type SyntaxNode = hbs.AST.Node;
export type SyntaxTree = hbs.AST.Program;

export type Parsed =
  | { readonly ok: true; readonly tree: SyntaxTree; readonly locate: Locate }
  | { readonly ok: false; readonly problem: TemplateProblem };

/** The part of the text that a node stands for. */
export type Locate = (node: SyntaxNode) => { readonly offset: number; readonly length: number };

export const NO_RAW_BLOCKS = 'Templates have no raw blocks ({{{{…}}}})';

/** Parses a text by the grammar of Handlebars; whitespace control and standalone lines are applied already. */
export function parseTemplate(text: string): Parsed {
  try {
    const tree = Handlebars.parse(text);
    return { ok: true, tree, locate: locator(text) };
  } catch (error) {
    return { ok: false, problem: syntaxProblem(text, error) };
  }
}

function locator(text: string): Locate {
  const lines = lineStarts(text);
  const offsetOf = ({ line, column }: hbs.AST.Position): number =>
    Math.min(text.length, (lines[line - 1] ?? text.length) + column);
  return ({ loc }) => {
    const offset = offsetOf(loc.start);
    return { offset, length: Math.max(0, offsetOf(loc.end) - offset) };
  };
}

/** Offsets of lines as the parser counts them. */
function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n?|\n/g)) starts.push(match.index + match[0].length);
  return starts;
}

/** The parser keeps its lexer, which knows exactly where it stopped; its messages only know the line. */
interface Lexer {
  /** What it has not read. */
  readonly _input: string;
  /** The token that it read last. */
  readonly match: string;
  /** What it is within, outermost first. */
  readonly conditionStack: readonly string[];
}

function syntaxProblem(text: string, error: unknown): TemplateProblem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError)
    return problem('Cannot read the template: it is nested too deeply', 0, text.length);
  const mismatch = /^(.*) doesn't match (.*) - (\d+):(\d+)$/s.exec(message);
  const invalid = /^Invalid path: (.*) - (\d+):(\d+)$/s.exec(message);
  if (mismatch !== null) {
    const [, open = '', close = '', line, column] = mismatch;
    return problem(`{{#${open}}} is closed by {{/${close}}}`, offsetAt(text, line, column), open.length);
  }
  if (invalid !== null) {
    const [, path = '', line, column] = invalid;
    return problem(
      `"${path}" is not a path: "..", "." and "this" can only begin one`,
      offsetAt(text, line, column),
      path.length,
    );
  }
  // The parser's lexer, which knows how far it came, is exported and missing from the declarations.
  const { lexer } = (Handlebars as unknown as { readonly Parser: { readonly lexer: Lexer } }).Parser;
  const offset = Math.max(0, text.length - lexer._input.length - lexer.match.length);
  // "}}}}" itself is only unexpected where no raw block is open.
  const isRaw = lexer.conditionStack.includes('raw') && lexer.match !== '}}}}';
  const raw = isRaw ? text.lastIndexOf('{{{{', offset) : -1;
  if (raw >= 0) return problem(NO_RAW_BLOCKS, raw, offset - raw);
  return unexpected(text, offset, lexer.match.length, /got '(\w+)'$/.exec(message)?.[1] ?? '');
}

function offsetAt(text: string, line: string | undefined, column: string | undefined): number {
  return Math.min(text.length, (lineStarts(text)[Number(line) - 1] ?? text.length) + Number(column));
}

/** Says what is wrong where the parser met a token that it did not expect. */
function unexpected(text: string, offset: number, length: number, token: string): TemplateProblem {
  const opened = lastOpening(text, offset);
  const inside = opened >= 0 && !text.slice(opened, offset).includes('}}');
  const rest = text.slice(offset);
  switch (token) {
    case 'EOF': {
      if (inside) return problem('"{{" is not closed: "}}" is missing', opened, 2);
      const block = openBlock(text);
      return block === null
        ? problem('The template ends too early', offset, 0)
        : problem(
            `{{#${block.name}}} is not closed: {{/${block.name}}} is missing`,
            block.offset,
            block.length,
          );
    }
    case 'OPEN_ENDBLOCK':
      return problem(`${upToClose(rest)} closes nothing`, offset, upToClose(rest).length);
    case 'INVERSE':
    case 'OPEN_INVERSE_CHAIN':
      return problem(`${upToClose(rest)} stands outside of a block`, offset, upToClose(rest).length);
    case 'CLOSE':
    case 'CLOSE_UNESCAPED':
      return opened >= 0 &&
        text
          .slice(opened + 2, offset)
          .replace(/[{~&]/g, '')
          .trim() === ''
        ? problem(
            'There is nothing between "{{" and "}}"; a literal "{{" is written "\\{{"',
            opened,
            offset + length - opened,
          )
        : problem(
            `"${text.slice(offset, offset + length)}" comes too early or does not fit its opening braces`,
            offset,
            length,
          );
    case 'NUMBER':
      if (text[offset - 1] === '.') {
        const index = text.slice(offset, offset + length);
        return problem(`The last part of a path cannot be a bare number: write [${index}]`, offset, length);
      }
      return problem(`Unexpected ${text.slice(offset, offset + length)}`, offset, length);
    default: {
      if (rest.startsWith('\0')) return problem('A template cannot hold a NUL character', offset, 1);
      if (inside && !rest.includes('}}')) return problem('"{{" is not closed: "}}" is missing', opened, 2);
      const what = length === 0 ? rest.slice(0, 1) : text.slice(offset, offset + length);
      if (what === '"' || what === "'") return problem(`The text that ${what} begins has no end`, offset, 1);
      if (what === '!' || rest.startsWith('{{!'))
        return problem('The comment has no end: "}}" is missing', Math.max(0, opened), 2);
      return problem(
        `Unexpected ${JSON.stringify(what)}; a literal "{{" is written "\\{{"`,
        offset,
        Math.max(1, length),
      );
    }
  }
}

/** Where the last `{{` that is not escaped stands, at or before an offset; -1: nowhere. */
function lastOpening(text: string, offset: number): number {
  let at = text.lastIndexOf('{{', offset);
  while (at > 0 && isEscaped(text, at)) at = text.lastIndexOf('{{', at - 1);
  return at;
}

function isEscaped(text: string, at: number): boolean {
  return text[at - 1] === '\\' && text[at - 2] !== '\\';
}

function upToClose(text: string): string {
  const end = text.indexOf('}}') + 2;
  return end < 2 || end > 40 ? text.slice(0, 3) : text.slice(0, end);
}

interface Opening {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** The innermost block that has no end. The text is known to be well-formed but for that. */
function openBlock(text: string): Opening | null {
  const open: Opening[] = [];
  let at = text.indexOf('{{');
  while (at >= 0) {
    if (isEscaped(text, at)) {
      at = text.indexOf('{{', at + 2);
      continue;
    }
    const commentEnd = /^\{\{~?!--/.test(text.slice(at, at + 6)) ? text.indexOf('--', at + 6) : at;
    const close = text.indexOf('}}', Math.max(at, commentEnd));
    if (close < 0) break;
    const [, sign, name = ''] = /^\{\{~?([#^/])\s*([^\s}~]*)/.exec(text.slice(at, close)) ?? [];
    if (sign === '/') open.pop();
    else if (name !== '') open.push({ name, offset: at, length: close + 2 - at });
    at = text.indexOf('{{', close + 2);
  }
  return open.at(-1) ?? null;
}

function problem(message: string, offset: number, length: number): TemplateProblem {
  return { message, offset, length, suggestion: null };
}
