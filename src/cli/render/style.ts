import picocolors from 'picocolors';
import type { Io, Output } from '../io.ts';

/** How text is emphasised on one stream. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  busy(text: string): string;
}

/** Colours follow NO_COLOR and --no-color, FORCE_COLOR, TERM=dumb, and whether this stream is a terminal. */
export function styleOf(stream: Output, env: Io['env'], { noColor }: { readonly noColor: boolean }): Style {
  const colors = picocolors.createColors(wantsColour(stream, env, noColor));
  return { bold: colors.bold, dim: colors.dim, good: colors.green, bad: colors.red, busy: colors.cyan };
}

function wantsColour(stream: Output, env: Io['env'], noColor: boolean): boolean {
  if (noColor || (env['NO_COLOR'] ?? '') !== '') return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
