import { checkProgram } from './template-check.ts';
import { compileTree } from './template-compile.ts';
import type { Program } from './template-program.ts';
import { renderProgram } from './template-render.ts';
import type { References, Scope, ScopeShape, Template, TemplateProblem } from './template-scope.ts';
import { parseTemplate } from './template-syntax.ts';

export { TemplateError } from './template-scope.ts';
export type {
  Attributes,
  Names,
  References,
  Scope,
  ScopeShape,
  ServiceShape,
  Template,
  TemplateProblem,
} from './template-scope.ts';

/** A template that was compiled; one without a program renders to its own text. */
interface CompiledTemplate extends Template {
  readonly [PROGRAM]?: Program;
}

/** Keeps the program out of JSON and of enumerated keys. */
const PROGRAM = Symbol('program');
const NOTHING: References = { inputs: new Set(), services: new Set(), self: new Set() };

/** Reads a template. Never throws, whatever the text; texts without `{{` cost next to nothing. */
export function compileTemplate(
  text: string,
):
  | { readonly ok: true; readonly template: Template }
  | { readonly ok: false; readonly problem: TemplateProblem } {
  if (!text.includes('{{')) return { ok: true, template: literal(text) };
  const parsed = parseTemplate(text);
  if (!parsed.ok) return parsed;
  const compiled = compileTree(text, parsed.tree, parsed.locate);
  if (!compiled.ok) return compiled;
  const template: CompiledTemplate = { text, [PROGRAM]: compiled.program };
  return { ok: true, template };
}

/** A text that is not a template: it renders to itself, braces included. */
export function literal(text: string): Template {
  return { text };
}

/** True when it renders to the same text whatever the scope: there is no expression in it. */
export function isLiteral(template: Template): boolean {
  const program = programOf(template);
  return program === undefined || program.constant !== null;
}

/** Every name that cannot be read in a field of this shape, and every value that cannot stand where it stands. */
export function checkTemplate(template: Template, shape: ScopeShape): readonly TemplateProblem[] {
  const program = programOf(template);
  return program === undefined ? [] : checkProgram(program, shape);
}

/** The names that a template mentions, whether or not its conditions let it read them. */
export function referencesOf(template: Template): References {
  return programOf(template)?.references ?? NOTHING;
}

/** Renders a template. Throws `TemplateError`. */
export function render(template: Template, scope: Scope): string {
  const program = programOf(template);
  if (program === undefined) return template.text;
  return program.constant ?? renderProgram(program, scope);
}

function programOf(template: Template): Program | undefined {
  return (template as CompiledTemplate)[PROGRAM];
}
