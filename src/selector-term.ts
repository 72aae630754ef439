import { UsageError } from './errors.ts';

/** What one word selects; `text` is the word as it was given. */
export type SelectorTerm =
  /** `*` */
  | { readonly kind: 'all'; readonly text: string }
  /** `web` or `web-0`: a service or a machine. */
  | { readonly kind: 'name'; readonly text: string }
  /** `web-*`: `*` stands for any characters, `?` for one, in names of machines. */
  | { readonly kind: 'glob'; readonly text: string }
  /** `web-0..3`, both ends included. */
  | {
      readonly kind: 'range';
      readonly text: string;
      readonly service: string;
      readonly from: number;
      readonly to: number;
    }
  /** `@app` */
  | { readonly kind: 'level'; readonly text: string; readonly level: string };

const SHAPES =
  'A selector is a service ("web"), a machine ("web-0"), a pattern ("web-*"), a range ("web-0..3"), a level ("@app") ' +
  'or "*".';

/** Reads one word. Throws `UsageError`. */
export function parseTerm(text: string): SelectorTerm {
  if (text === '') throw new UsageError('Cannot read a selector: it is empty', SHAPES);
  if (text === '*') return { kind: 'all', text };
  if (text.startsWith('@')) return parseLevel(text);
  const dots = text.indexOf('..');
  if (dots >= 0) return parseRange(text, dots);
  checkCharacters(text, { from: 0, to: text.length }, /[^a-zA-Z0-9*?-]/u);
  return { kind: /[*?]/.test(text) ? 'glob' : 'name', text };
}

function parseLevel(text: string): SelectorTerm {
  if (text === '@') throw unreadable('selector', text, 1, 'the name of a level is missing', SHAPES);
  checkCharacters(text, { from: 1, to: text.length }, /[^a-zA-Z0-9-]/u);
  return { kind: 'level', text, level: text.slice(1) };
}

function parseRange(text: string, dots: number): SelectorTerm {
  const hint = 'A range is written "web-0..3".';
  checkCharacters(text, { from: 0, to: dots }, /[^a-zA-Z0-9-]/u);
  const [, service, from] = /^(.+)-(\d+)$/.exec(text.slice(0, dots)) ?? [];
  if (service === undefined)
    throw unreadable('selector', text, dots, 'a machine is missing before ".."', hint);
  const end = text.slice(dots + 2);
  const wrong = end.search(/[^0-9]/);
  if (end === '' || wrong >= 0)
    throw unreadable('selector', text, dots + 2 + Math.max(wrong, 0), 'a number is missing after ".."', hint);
  if (Number(end) < Number(from))
    throw unreadable('selector', text, dots + 2, 'the range ends before it begins', hint);
  return { kind: 'range', text, service, from: Number(from), to: Number(end) };
}

function checkCharacters(
  text: string,
  part: { readonly from: number; readonly to: number },
  wrong: RegExp,
): void {
  const found = wrong.exec(text.slice(part.from, part.to));
  if (found === null) return;
  const [character] = found;
  const why = `${JSON.stringify(character)} cannot be part of a name`;
  throw unreadable('selector', text, part.from + found.index, why, hintFor(character, text));
}

function hintFor(character: string, text: string): string {
  if (/[\s,]/.test(character)) return 'Give several selectors as words of their own.';
  if (/[=!]/.test(character)) return `Labels and attributes are selected by -l ${JSON.stringify(text)}.`;
  return SHAPES;
}

/** `at`: where in the text it is, in UTF-16 units from 0; it is told in characters from 1. */
export function unreadable(what: string, text: string, at: number, why: string, hint?: string): UsageError {
  const column = Array.from(text.slice(0, at)).length + 1;
  return new UsageError(`Cannot read ${what} ${JSON.stringify(text)}: ${why} (character ${column})`, hint);
}

/** Whether a name fits a pattern, in which `*` stands for any characters and `?` for one. */
export function fitsGlob(name: string, pattern: string): boolean {
  let n = 0;
  let p = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p;
      resume = n;
      p += 1;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p += 1;
      n += 1;
    } else if (star >= 0) {
      p = star + 1;
      resume += 1;
      n = resume;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(p));
}
