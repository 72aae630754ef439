import type { PlanError } from '../errors.ts';
import { UsageError } from '../errors.ts';
import type { CommandShape, Parsed } from './command-shape.ts';
import type { GlobalFlags } from './global-flags.ts';

/**
 * What a process in the background is given, over a channel and not by its arguments and its environment, which others
 * may see as long as it lives.
 */
export interface Handed {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly flags: GlobalFlags;
  /** The words of an `up`. */
  readonly argv: readonly string[];
  /** Digest of the plan that was read and confirmed. */
  readonly digest: string;
}

/** What it answers: that it is at work, or why it is not. */
export type Answer =
  | { readonly kind: 'begun' }
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly hint?: string | undefined;
      readonly exitCode: PlanError['exitCode'];
    };

/** The name of the command that such a process runs. */
export const BACKGROUND = '__background';

/** A command with the flags that it was given, but for some, as words that are read as the same again. */
export function wordsOf(
  { name, flags }: CommandShape,
  { args, options }: { readonly args: readonly string[]; readonly options: Parsed },
  { without }: { readonly without: readonly string[] },
): readonly string[] {
  const words = flags.flatMap((flag): readonly string[] => {
    if (without.includes(flag.name)) return [];
    if (flag.value === undefined) return options.flag(flag.name) ? [`--${flag.name}`] : [];
    const text = options.text(flag.name);
    const values = flag.repeatable ? options.list(flag.name) : text === undefined ? [] : [text];
    return values.map((value) => `--${flag.name}=${value}`);
  });
  return [name, ...words, '--', ...args];
}

/** The value that was handed over. Throws `UsageError` when nobody did. */
export function handedOver(message: unknown): Handed {
  if (typeof message === 'object' && message !== null && 'argv' in message) return message as Handed;
  throw new UsageError(`Cannot run "${BACKGROUND}": it is for "plan up --detach"`);
}
