import type { ScalarNode } from './node.ts';
import type { Place } from './text-file.ts';
import { lineAt, lineText } from './text-file.ts';

/** The place of a part of a scalar's text; where escapes or folds stand before it, the scalar's beginning. */
export function placeInScalar(scalar: ScalarNode, offset: number, length: number): Place {
  const { place } = scalar;
  const start = partOffset(scalar, offset);
  if (start === undefined) return { file: place.file, offset: place.offset, length: firstLine(place) };
  return { file: place.file, offset: start, length };
}

function partOffset(scalar: ScalarNode, offset: number): number | undefined {
  const { place, text, style } = scalar;
  const before = text.slice(0, offset);
  switch (style) {
    case 'file':
      return offset;
    case 'plain':
    case 'quoted': {
      const start = place.offset + (style === 'quoted' ? 1 : 0);
      return !before.includes('\n') && place.file.text.startsWith(before, start) ? start + offset : undefined;
    }
    case 'literal': {
      const row = before.split('\n').length - 1;
      const line = lineAt(place.file, place.offset) + 1 + row;
      const written = lineText(place.file, line);
      const content = text.split('\n')[row] ?? '';
      if (!written.endsWith(content)) return undefined;
      const column = before.length - (before.lastIndexOf('\n') + 1);
      return (place.file.lines[line] ?? 0) + written.length - content.length + column;
    }
    case 'folded':
      return undefined;
  }
}

/** Characters of a place up to the end of its first line. */
export function firstLine(place: Place): number {
  const end = place.file.text.indexOf('\n', place.offset);
  return end === -1 ? place.length : Math.min(place.length, end - place.offset);
}
