import { parseDuration } from '../duration.ts';
import { UsageError } from '../errors.ts';
import type { Share } from '../share.ts';
import { parseShare } from '../share.ts';
import type { Context } from './context.ts';

/** How work on several machines is to be done, as the flags of `PACE` say. */
export interface GivenPace {
  readonly serial: boolean;
  readonly maxUnavailable: Share | undefined;
  readonly failFast: boolean;
  /** Milliseconds for each machine. */
  readonly timeout: number | undefined;
}

/** Throws `UsageError`. */
export function paceOf(context: Context): GivenPace {
  const { options } = context;
  const serial = options.flag('serial');
  const given = options.text('max-unavailable');
  if (serial && given !== undefined)
    throw new UsageError('Cannot use --serial with --max-unavailable: --serial means 1');
  return {
    serial,
    maxUnavailable: given === undefined ? undefined : shareOf(given),
    failFast: options.flag('fail-fast'),
    timeout: durationOf(context, 'timeout'),
  };
}

/** The value of a flag that is a duration, in milliseconds. Throws `UsageError`. */
export function durationOf({ options }: Context, flag: string): number | undefined {
  const given = options.text(flag);
  if (given === undefined) return undefined;
  const duration = parseDuration(given);
  if (duration !== undefined) return duration;
  throw new UsageError(`Cannot use --${flag}: "${given}" is not a duration such as 30s or 10m`);
}

function shareOf(given: string): Share {
  const share = parseShare(given);
  if (share !== undefined) return share;
  throw new UsageError(
    `Cannot use --max-unavailable: "${given}" is neither a number of machines nor a share such as 25%`,
  );
}
