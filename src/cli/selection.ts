import type { SelectorWords } from '../api/select.ts';
import type { Context } from './context.ts';

/** The machines that the command line means: terms, and the flags of `SELECTION`. */
export function selectorOf({ options }: Context, terms: readonly string[]): SelectorWords {
  return {
    terms,
    labels: options.list('label'),
    states: options.list('state'),
    exclude: options.list('exclude'),
  };
}

/** True when something says which machines are meant. */
export function isSelecting(context: Context, terms: readonly string[]): boolean {
  const { options } = context;
  return terms.length + ['label', 'state', 'exclude'].flatMap((name) => options.list(name)).length > 0;
}
