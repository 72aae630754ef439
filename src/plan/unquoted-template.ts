import type { Place, TextFile } from './text-file.ts';
import { lineText } from './text-file.ts';

const WHOLE_VALUE = /^\s*(?:- +)*(?:[\w.-]+:\s+)?(\{\{.*)$/;
const TEMPLATE = /\{\{.*?\}\}+/;

/** A template in a line (0-based) that no quotes protect, where YAML takes `{{` for a map; null if there is none. */
export function unquotedTemplate(
  file: TextFile,
  line: number,
): { readonly place: Place; readonly text: string; readonly suggestion: string } | null {
  const source = lineText(file, line).replace(/\s#.*$/, '');
  const start = source.indexOf('{{');
  if (start === -1 || /["'#]/.test(source.slice(0, start))) return null;
  const text =
    WHOLE_VALUE.exec(source)?.[1]?.trimEnd() ?? TEMPLATE.exec(source)?.[0] ?? source.slice(start).trimEnd();
  const quote = text.includes('"') ? "'" : '"';
  return {
    place: { file, offset: (file.lines[line] ?? 0) + start, length: text.length },
    text,
    suggestion: `Quote the value: ${quote}${text}${quote}`,
  };
}
