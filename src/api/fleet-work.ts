import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Fleet } from '../engine/fleet/fleet.ts';
import type { MachineOutcome, MachineResult, OverEvent, OverOptions } from '../engine/fleet/over-machines.ts';
import { maskOfAll } from '../engine/secrets.ts';
import { systemClock } from '../clock.ts';
import { formatDuration } from '../duration.ts';
import type { Machine } from '../machine.ts';
import type { Share } from '../share.ts';
import { createLogs } from '../state/log-files.ts';
import type { RunLogs } from '../state/run-logs.ts';
import { openRunLogs } from '../state/run-logs.ts';
import type { InputOptions } from './given-inputs.ts';
import { inputSource } from './given-inputs.ts';
import type { OperationTools } from './operation.ts';
import type { Reach } from './reach.ts';
import { openReach } from './reach.ts';
import type { Selector } from './select.ts';
import { select } from './select.ts';
import type { Session } from './session.ts';
import { orOperationError } from './wiring.ts';

export type { MachineOutcome, MachineResult, OverEvent } from '../engine/fleet/over-machines.ts';

/** How work is done on the machines of a selector. */
export interface FleetOptions extends InputOptions {
  /** Most machines at the same time. Default: that of the state. */
  readonly parallelism?: number | undefined;
  /** One machine after the other. Default: false. */
  readonly serial?: boolean | undefined;
  /** Most machines of each service at the same time: a number, or a share such as `25%`. Default: all. */
  readonly maxUnavailable?: Share | undefined;
  /** Begin with no other machine after a failure; what is under way goes on. Default: false. */
  readonly failFast?: boolean | undefined;
  /** Milliseconds for each machine, connecting included. Default: no limit, but for 30 s to connect. */
  readonly timeout?: number | undefined;
  /** Who does it on the machines. Default: the login user. */
  readonly user?: string | undefined;
}

/** What happens in work on machines. */
export type FleetEvent<T> =
  /** The first one: the machines that are selected, in the order of the plan. */
  | { readonly type: 'selected'; readonly machines: readonly string[] }
  | OverEvent<T>
  /** Bytes that have been copied so far, told now and then. */
  | { readonly type: 'progress'; readonly machine: string; readonly bytes: number }
  | { readonly type: 'warning'; readonly message: string };

/** What work on machines came to. */
export interface FleetResult<T> {
  /** It was done everywhere. */
  readonly succeeded: boolean;
  /** One for every machine that was selected, in the order of the plan, whether or not it is running. */
  readonly machines: readonly MachineResult<T>[];
  /**
   * The absolute path of the directory with a log of each machine (`web-0.log`) where something was printed or did not
   * go well, masked; null when there is none, or a sensitive input has no value here, so that nothing could hide it.
   */
  readonly logs: string | null;
}

/** Work on the machines of a selector. */
export interface FleetWork<T> {
  /** For the directory of its logs: `exec`. */
  readonly kind: 'exec' | 'copy';
  /** Does it: calls `overMachines` with these options, `isFailure` among them. */
  run(
    fleet: Fleet,
    machines: readonly Machine[],
    options: OverOptions<T> & { readonly isFailure: (value: T) => boolean },
    /** A promise while no more should be logged. */
    log: (machine: string, chunk: Buffer) => Promise<void> | undefined,
  ): Promise<readonly MachineResult<T>[]>;
  /** Which work that ended counts as failed. */
  isFailure(value: T): boolean;
  /** How it ended, for the last line of a machine's log: `exit code 0`. */
  words(value: T): string;
}

/**
 * Does work on the machines that a selector means, and logs it. Machines that are not running have results as well
 * (`unreachable`). Rejects with `UsageError` for a selector that means nothing.
 */
export async function workOnFleet<T>(
  session: Session,
  name: string,
  selector: Selector,
  options: FleetOptions,
  tools: OperationTools<FleetEvent<T>>,
  work: FleetWork<T>,
): Promise<FleetResult<T>> {
  return await orOperationError(async () => {
    await using reach = await openReach(session, name, inputSource(session, options));
    const { state } = reach;
    const machines = select(selector, state).flatMap((one) => state.machines.get(one) ?? []);
    const emit = (event: FleetEvent<T>): void => tools.emit(event, state);
    emit({ type: 'selected', machines: machines.map((machine) => machine.name) });
    if (machines.length === 0) return { succeeded: true, machines: [], logs: null };
    const logbook = openLogbook(session, work, reach, emit);
    const over = {
      ...overOptions(session, options, tools),
      isFailure: (value: T) => work.isFailure(value),
      onEvent(event: OverEvent<T>) {
        if (event.type === 'ended') {
          logbook.end(event);
          const machine = state.machines.get(event.machine);
          if (machine !== undefined) reach.release(machine);
        }
        emit(event);
      },
    };
    try {
      const results = await work.run(reach.fleet, machines, over, logbook.write);
      const succeeded = results.every(
        ({ outcome }) => outcome.kind === 'ended' && !work.isFailure(outcome.value),
      );
      await logbook.written();
      return { succeeded, machines: results, logs: logbook.directory() };
    } finally {
      await logbook.written();
    }
  });
}

function overOptions<T>(
  session: Session,
  { parallelism, serial = false, maxUnavailable, failFast = false, timeout }: FleetOptions,
  { signal }: OperationTools<FleetEvent<T>>,
): OverOptions<T> {
  return {
    clock: systemClock,
    signal,
    failFast,
    parallelism: serial ? 1 : (parallelism ?? session.parallelism),
    ...(maxUnavailable !== undefined && { maxUnavailable }),
    ...(timeout !== undefined && { timeout }),
  };
}

interface Logbook<T> {
  /** Null: nothing was logged. */
  directory(): string | null;
  /** A promise while no more should be written. */
  readonly write: (machine: string, chunk: Buffer) => Promise<void> | undefined;
  end(result: MachineResult<T>): void;
  /** Resolves when all that ended is written. */
  written(): Promise<void>;
}

/**
 * The logs of a run; as of a script, there is none of what printed nothing and went well. That one cannot be written
 * keeps nobody from working, and is told once.
 */
function openLogbook<T>(
  { directory: stateDirectory }: Session,
  { kind, words, isFailure }: FleetWork<T>,
  { state, plan }: Pick<Reach, 'plan' | 'state'>,
  emit: (event: FleetEvent<T>) => void,
): Logbook<T> {
  const now = systemClock.now();
  const ends: Promise<void>[] = [];
  const printed = new Set<string>();
  let opening: Promise<void> | undefined;
  /** Undefined: not opened yet; null: they cannot be. */
  let logs: RunLogs | null | undefined;
  let isTold = false;

  function warn(error: unknown): void {
    if (isTold) return;
    isTold = true;
    emit({ type: 'warning', message: error instanceof Error ? error.message : String(error) });
  }

  /** What has to be hidden is known when the plan is read, which is not worth it where there is nothing to log. */
  async function open(): Promise<void> {
    logs = await opened().catch((error: unknown) => {
      warn(error);
      return null;
    });
  }
  async function opened(): Promise<RunLogs | null> {
    const known = await plan();
    const mask = known === null ? null : maskOfAll(known, state);
    if (mask === null) return null;
    const nonce = randomBytes(4).toString('hex');
    return openRunLogs(createLogs(stateDirectory), {
      stateDirectory,
      deployment: state,
      kind,
      now,
      nonce,
      mask,
    });
  }
  function once(): Promise<void> {
    return (opening ??= open());
  }

  return {
    directory: () => (logs ? join(stateDirectory, logs.directory) : null),
    write(machine, chunk) {
      printed.add(machine);
      if (logs === undefined) return once().then(() => logs?.write(machine, chunk));
      logs?.write(machine, chunk);
      return undefined;
    },
    end({ machine, outcome, milliseconds }) {
      const isFine = outcome.kind === 'ended' && !isFailure(outcome.value);
      if ((isFine && !printed.has(machine)) || outcome.kind === 'skipped') return;
      const line = `[${outcomeWords(outcome, words)}, ${formatDuration(milliseconds)}]`;
      ends.push(
        once()
          .then(() => logs?.end(machine, line))
          .catch(warn),
      );
    },
    async written() {
      await Promise.all(ends);
    },
  };
}

function outcomeWords<T>(outcome: MachineOutcome<T>, words: (value: T) => string): string {
  switch (outcome.kind) {
    case 'ended':
      return words(outcome.value);
    case 'failed':
    case 'unreachable':
      return outcome.why;
    case 'timed-out':
      return 'timed out';
    case 'interrupted':
      return 'interrupted';
    case 'skipped':
      return `skipped: ${outcome.why}`;
    default:
      return outcome satisfies never;
  }
}
