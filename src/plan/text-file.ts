import type { Problem } from './diagnostic.ts';

/** A text that was read for a plan. */
export interface TextFile {
  /** Absolute path. */
  readonly path: string;
  /** The path as problems show it. */
  readonly shown: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lines: readonly number[];
}

/** A range of a text; offsets count UTF-16 code units. */
export interface Place {
  readonly file: TextFile;
  readonly offset: number;
  readonly length: number;
}

export function textFile(path: string, shown: string, text: string): TextFile {
  const lines = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
  return { path, shown, text, lines };
}

/** 0-based number of the line that holds an offset. */
export function lineAt(file: TextFile, offset: number): number {
  let low = 0;
  let high = file.lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((file.lines[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The text of a line, 0-based, without its line break. */
export function lineText(file: TextFile, line: number): string {
  const start = file.lines[line] ?? file.text.length;
  const end = file.lines[line + 1] ?? file.text.length + 1;
  return file.text.slice(start, end - 1).replace(/\r$/, '');
}

export function problemAt(place: Place, message: string, suggestion: string | null = null): Problem {
  const { file } = place;
  const offset = Math.max(0, Math.min(place.offset, file.text.length));
  const line = lineAt(file, offset);
  const source = lineText(file, line);
  const before = source.slice(0, offset - (file.lines[line] ?? 0));
  const marked = source.slice(before.length, before.length + place.length);
  return {
    file: file.shown,
    line: line + 1,
    column: characters(before) + 1,
    message,
    source,
    length: Math.max(1, characters(marked)),
    suggestion,
  };
}

function characters(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (!isLowSurrogate(text.charCodeAt(i))) count++;
  return count;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
