import { childSignal } from '../../child-signal.ts';
import type { Clock } from '../../clock.ts';
import { ConnectionError } from '../../connection/connection.ts';
import { createQueue } from '../../queue.ts';
import type { Queue } from '../../queue.ts';
import { roomOf } from '../../share.ts';
import type { Share } from '../../share.ts';
import { within } from '../limit.ts';
import { messageOf } from '../perform/context.ts';
import type { Cancel } from '../perform/context.ts';
import { LostError } from '../perform/lost-error.ts';

/** What work on one machine came to. */
export type MachineOutcome<T> =
  | { readonly kind: 'ended'; readonly value: T }
  /** It was reached, and the work could not be done. */
  | { readonly kind: 'failed'; readonly why: string; readonly error: unknown }
  | { readonly kind: 'unreachable'; readonly why: string }
  /** `limit`: milliseconds. */
  | { readonly kind: 'timed-out'; readonly limit: number }
  /** The signal was aborted while the work was under way. */
  | { readonly kind: 'interrupted' }
  /** The work was not begun: another machine failed, or the signal was aborted before. */
  | { readonly kind: 'skipped'; readonly why: string };

export interface MachineResult<T> {
  readonly machine: string;
  readonly outcome: MachineOutcome<T>;
  /** How long the work took; 0 if it was not begun. */
  readonly milliseconds: number;
}

export type OverEvent<T> =
  { readonly type: 'began'; readonly machine: string } | ({ readonly type: 'ended' } & MachineResult<T>);

export interface OverOptions<T = unknown> extends Cancel {
  readonly clock: Clock;
  /** Most machines at the same time. */
  readonly parallelism: number;
  /** Most machines of each service at the same time. */
  readonly maxUnavailable?: Share;
  /** Begin with no further machine once one has failed; those under way go on. */
  readonly failFast?: boolean;
  /** Milliseconds for each machine, from when its work begins, connecting included. */
  readonly timeout?: number;
  /** Told as it happens. */
  readonly onEvent?: (event: OverEvent<T>) => void;
}

/** A machine that work can be done on. */
export interface Worked {
  readonly name: string;
  readonly service: string;
}

/**
 * Does work on machines side by side, each once. Answers one result for every machine, in their order, whatever
 * happens. `isFailure` tells which work that ended counts as failed.
 */
export async function overMachines<M extends Worked, T>(
  machines: readonly M[],
  work: (machine: M, cancel: Cancel) => Promise<T>,
  options: OverOptions<T> & { readonly isFailure?: (value: T) => boolean },
): Promise<readonly MachineResult<T>[]> {
  const { clock, signal, failFast = false, timeout, onEvent, isFailure = () => false } = options;
  const places = createQueue(Math.max(1, options.parallelism));
  const rooms = roomsOf(machines, options.maxUnavailable);
  const never = new AbortController().signal;
  let failed: string | undefined;

  async function one(machine: M): Promise<MachineResult<T>> {
    const result = await attempt(machine);
    const { outcome } = result;
    const isFine = outcome.kind === 'ended' && !isFailure(outcome.value);
    if (!isFine && outcome.kind !== 'skipped') failed ??= machine.name;
    onEvent?.({ type: 'ended', ...result });
    return result;
  }

  async function attempt(machine: M): Promise<MachineResult<T>> {
    const { name } = machine;
    const skipped = signal.aborted
      ? 'it was interrupted before'
      : failFast && failed !== undefined
        ? `"${failed}" failed`
        : undefined;
    if (skipped !== undefined)
      return { machine: name, outcome: { kind: 'skipped', why: skipped }, milliseconds: 0 };
    const begun = clock.now();
    onEvent?.({ type: 'began', machine: name });
    using limit =
      timeout === undefined ? untimed(signal) : within(timeout, { wiring: { clock } }, { signal });
    const outcome = await outcomeOf(work(machine, { signal: limit.signal }));
    return { machine: name, outcome, milliseconds: clock.now() - begun };

    async function outcomeOf(working: Promise<T>): Promise<MachineOutcome<T>> {
      try {
        return { kind: 'ended', value: await working };
      } catch (error) {
        if (signal.aborted) return { kind: 'interrupted' };
        if (limit.expired()) return { kind: 'timed-out', limit: timeout ?? 0 };
        const why = messageOf(error);
        const isReached =
          error instanceof ConnectionError ? error.problem === 'failed' : !(error instanceof LostError);
        return isReached ? { kind: 'failed', why, error } : { kind: 'unreachable', why };
      }
    }
  }

  return await Promise.all(
    machines.map((machine) => {
      const inPlace = (): Promise<MachineResult<T>> => places.run(() => one(machine), { signal: never });
      return rooms.get(machine.service)?.run(inPlace, { signal: never }) ?? inPlace();
    }),
  );
}

function untimed(signal: AbortSignal): Disposable & { readonly signal: AbortSignal; expired(): boolean } {
  const child = childSignal(signal);
  return { signal: child.signal, expired: () => false, [Symbol.dispose]: () => child[Symbol.dispose]() };
}

function roomsOf(machines: readonly Worked[], share: Share | undefined): ReadonlyMap<string, Queue> {
  if (share === undefined) return new Map();
  const counts = new Map<string, number>();
  for (const { service } of machines) counts.set(service, (counts.get(service) ?? 0) + 1);
  return new Map([...counts].map(([service, count]) => [service, createQueue(roomOf(share, count))]));
}
