import stringWidth from 'string-width';

const PLAIN = /^[\x20-\x7e]*$/;

/** Text without control characters, cut to `width` columns of a terminal, with an ellipsis where something is cut. */
export function clip(text: string, width: number): string {
  if (PLAIN.test(text)) return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
  const printable = text.replace(/\p{Cc}/gu, ' ');
  if (stringWidth(printable) <= width) return printable;
  let clipped = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(printable)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    clipped += segment;
  }
  return `${clipped}…`;
}
