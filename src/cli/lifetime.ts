import { formatDuration } from '../duration.ts';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';
import { durationOf } from './pace.ts';

/** The value of a flag that says how long a deployment lasts, in milliseconds; null: `never`. Throws `UsageError`. */
export function lifetimeOf(context: Context, flag: string): number | null | undefined {
  if (context.options.text(flag) === 'never') return null;
  const duration = durationOf(context, flag);
  if (duration !== 0) return duration;
  throw new UsageError(`Cannot use --${flag}: a deployment lasts more than no time`);
}

/** `ends in 7h58m`, or `over since 3m`. Epoch milliseconds. */
export function countdown(expiresAt: number, now: number): string {
  return expiresAt > now
    ? `ends in ${formatDuration(expiresAt - now)}`
    : `over since ${formatDuration(now - expiresAt)}`;
}
