import type { Reading } from './fields.ts';
import { isTemplated, readTemplate, readWhole, renderText, showRendered } from './fields.ts';
import { didYouMean } from '../nearest.ts';
import type { Node } from './node.ts';
import { itemsOf, scalarOf } from './node.ts';
import type { TemplateTree } from './plan.ts';
import { quoted } from './problems.ts';
import type { Template } from './template.ts';
import { problemAt } from './text-file.ts';

/**
 * A text of a provider's options; undefined: it is not there, or inputs leave it empty. It stays a template, because a
 * launch may decide it.
 */
export function readOption(reading: Reading, node: Node | undefined): Template | undefined {
  const template = readTemplate(reading, node);
  if (node === undefined || template === null) return undefined;
  return renderText(reading, node) === '' ? undefined : template;
}

export function readOptions(reading: Reading, node: Node | undefined): readonly Template[] | undefined {
  const options = itemsOf(node).flatMap((item) => readOption(reading, item) ?? []);
  return options.length === 0 ? undefined : options;
}

/** One text or a list of them. */
export function readOneOrMore(reading: Reading, node: Node | undefined): TemplateTree | undefined {
  return node?.kind === 'list' ? readOptions(reading, node) : readOption(reading, node);
}

/** True or false as far as inputs tell. */
export function readFlag(reading: Reading, node: Node | undefined): boolean | Template | undefined {
  const scalar = scalarOf(node);
  if (typeof scalar?.value === 'boolean') return scalar.value;
  const template = readOption(reading, scalar);
  if (scalar === undefined || template === undefined) return undefined;
  const text = renderText(reading, scalar)?.trim();
  if (text === undefined) return template;
  if (text === 'true' || text === 'false') return text === 'true';
  refuse(reading, scalar, text, 'true or false');
  return undefined;
}

/** A whole number as far as inputs tell. */
export function readSize(
  reading: Reading,
  node: Node | undefined,
  range: { readonly min: number; readonly max: number },
): number | Template | undefined {
  return readWhole(reading, node, range) ?? readOption(reading, node);
}

/** A text that is one of a few words; where it is written out the schema knows them. */
export function readChoice(
  reading: Reading,
  node: Node | undefined,
  choices: readonly string[],
): Template | undefined {
  const template = readOption(reading, node);
  const text = renderText(reading, node);
  if (node === undefined || template === undefined || text === undefined || choices.includes(text))
    return template;
  refuse(reading, node, text, `one of ${choices.map(quoted).join(', ')}`, didYouMean(text, choices));
  return undefined;
}

/** Refuses what a template renders to. */
export function refuse(
  reading: Reading,
  node: Node,
  text: string,
  wanted: string,
  suggestion: string | null = null,
): void {
  const scalar = scalarOf(node);
  if (scalar === undefined || !isTemplated(reading, scalar)) return;
  const shown = quoted(showRendered(reading, scalar, text));
  const message = `Cannot use ${quoted(scalar.text)}: it renders to ${shown}, not ${wanted}`;
  reading.problems.push(problemAt(scalar.place, message, suggestion));
}

/** The options that are there; undefined when none of them is. */
export function wholeOptions(
  options: Readonly<Record<string, TemplateTree | undefined>>,
): Readonly<Record<string, TemplateTree>> | undefined {
  const some = presentOptions(options);
  return Object.keys(some).length === 0 ? undefined : some;
}

export function presentOptions(
  options: Readonly<Record<string, TemplateTree | undefined>>,
): Readonly<Record<string, TemplateTree>> {
  const pairs: [string, TemplateTree][] = [];
  for (const [key, value] of Object.entries(options)) if (value !== undefined) pairs.push([key, value]);
  return Object.fromEntries(pairs);
}
