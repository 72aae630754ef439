import type { Reading } from './fields.ts';
import { isTemplated, renderText, showRendered } from './fields.ts';
import type { Node } from './node.ts';
import { child, scalarOf } from './node.ts';
import { quoted } from './problems.ts';
import { problemAt } from './text-file.ts';

/** Empty for a key that is not there; undefined while an input that it needs has no value. */
export function readText(reading: Reading, node: Node | undefined): string | undefined {
  return node === undefined ? '' : renderText(reading, node)?.trim();
}

export function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/** Refuses a rendered text that has not its key's shape; the schema knows the shape of what is no template. */
export function checkRendered(
  reading: Reading,
  value: Node,
  key: string,
  { shape, what, hint }: { readonly shape: RegExp; readonly what: string; readonly hint: string },
): void {
  const scalar = scalarOf(child(value, key));
  const text = readText(reading, scalar);
  if (scalar === undefined || !isGiven(text) || !isTemplated(reading, scalar) || shape.test(text)) return;
  const message = `Cannot use ${quoted(key)}: ${quoted(showRendered(reading, scalar, text))} is not ${what}`;
  reading.problems.push(problemAt(scalar.place, message, hint));
}
