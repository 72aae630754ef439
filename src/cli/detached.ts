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
  readonly args: readonly string[];
  /** The flags of an `up` that were given. */
  readonly options: FlagValues;
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

/** Values of flags by name. */
export type FlagValues = Readonly<Record<string, boolean | string | readonly string[]>>;

/** The flags of a command that were given, as data. */
export function valuesOf({ flags }: CommandShape, options: Parsed): FlagValues {
  return Object.fromEntries(
    flags.flatMap(({ name, value, repeatable }): readonly (readonly [string, FlagValues[string]])[] => {
      if (repeatable) return [[name, options.list(name)]];
      const given = value === undefined ? options.flag(name) : options.text(name);
      return given === undefined ? [] : [[name, given]];
    }),
  );
}

/** The same flags again. */
export function givenAgain(values: FlagValues): Parsed {
  return {
    flag: (name) => values[name] === true,
    text(name) {
      const value = values[name];
      return typeof value === 'string' ? value : undefined;
    },
    list(name) {
      const value = values[name];
      return Array.isArray(value) ? value.map(String) : [];
    },
  };
}

/** The value that was handed over. Throws `UsageError` when nobody did. */
export function handedOver(message: unknown): Handed {
  if (typeof message === 'object' && message !== null && 'options' in message) return message as Handed;
  throw new UsageError(`Cannot run "${BACKGROUND}": it is for "plan up --detach"`);
}
