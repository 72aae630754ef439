import type { Problem } from './diagnostic.ts';
import type { CompiledTemplate, Library } from './library.ts';
import type { ScalarNode } from './node.ts';
import { placeInScalar } from './scalar-place.ts';
import type { Template, TemplateProblem } from './template.ts';
import { compileTemplate } from './template.ts';
import { problemAt } from './text-file.ts';

/** The template of a scalar; undefined when its syntax is wrong, which `templateSyntaxProblem` tells. */
export function templateOf(library: Library, node: ScalarNode): Template | undefined {
  const compiled = compile(library, node);
  return compiled.ok ? compiled.template : undefined;
}

export function templateSyntaxProblem(library: Library, node: ScalarNode): Problem | undefined {
  const compiled = compile(library, node);
  return compiled.ok ? undefined : templateProblem(node, compiled.problem);
}

export function templateProblem(node: ScalarNode, problem: TemplateProblem): Problem {
  return problemAt(placeInScalar(node, problem.offset, problem.length), problem.message, problem.suggestion);
}

function compile(library: Library, node: ScalarNode): CompiledTemplate {
  const known = library.templates.get(node.text);
  if (known !== undefined) return known;
  const compiled = compileTemplate(node.text);
  library.templates.set(node.text, compiled);
  return compiled;
}
