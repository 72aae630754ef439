/** What a bootstrap reported, or what is wrong with it, as half a sentence. */
export type ParsedOutputs =
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly problem: string };

const NAME = /^[a-zA-Z][a-zA-Z0-9_-]*$/;
export const OUTPUT_LIMIT = 1024 * 1024;

/**
 * Reads an outputs file: lines of `key=value` (the rest verbatim less a final CR), or `key<<WORD` up to a line equal
 * to WORD (its last newline dropped); whichever of `=` and `<<` comes first ends the key; empty lines are skipped.
 */
export function parseOutputs(bytes: Buffer): ParsedOutputs {
  if (bytes.length > OUTPUT_LIMIT) return bad('the outputs are larger than 1 MiB');
  if (bytes.includes(0)) return bad('the outputs contain a NUL byte');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bad('the outputs are not UTF-8');
  }
  const values = new Map<string, string>();
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/\r$/, '');
    if (line === '') continue;
    const end = line.search(/=|<</);
    const key = end === -1 ? line : line.slice(0, end);
    if (end === -1) return bad(`line ${at + 1} of the outputs is neither "key=value" nor "key<<WORD"`);
    if (!NAME.test(key)) return bad(`${quoteKey(key)} is not a name that an output can have`);
    if (values.has(key)) return bad(`output "${key}" is reported twice`);
    if (line[end] === '=') {
      values.set(key, line.slice(end + 1));
      continue;
    }
    const word = line.slice(end + 2);
    if (word === '') return bad(`output "${key}" names no word that ends it`);
    let last = at + 1;
    while (last < lines.length && lines[last]?.replace(/\r$/, '') !== word) last += 1;
    if (last === lines.length) return bad(`output "${key}" has no line "${word}" that ends it`);
    values.set(key, lines.slice(at + 1, last).join('\n'));
    at = last;
  }
  return { ok: true, values };
}

function quoteKey(key: string): string {
  return `"${key.length > 40 ? `${key.slice(0, 40)}…` : key}"`;
}

function bad(problem: string): ParsedOutputs {
  return { ok: false, problem };
}
