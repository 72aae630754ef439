import { isAbsolute } from 'node:path';
import { systemClock } from '../clock.ts';
import { ConnectionError } from '../connection/connection.ts';
import { commandOf } from '../connection/argument.ts';
import { copyFrom, copyTo } from '../engine/fleet/copy.ts';
import type { CopyEnd } from '../engine/fleet/copy.ts';
import { UsageError } from '../errors.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { FleetEvent, FleetOptions, FleetResult } from './fleet-work.ts';
import { workOnFleet } from './fleet-work.ts';
import type { OperationTools } from './operation.ts';
import type { Selector } from './select.ts';
import type { Session } from './session.ts';

export type { CopyEnd } from '../engine/fleet/copy.ts';

export interface CopyOptions extends FleetOptions {
  /** Told how many bytes of files have been passed on to or from a machine since it was told last. */
  readonly onBytes?: ((machine: string, count: number) => void) | undefined;
}

/** What is copied. */
export interface CopyTask {
  /** `to` the machines, or `from` them. */
  readonly direction: 'to' | 'from';
  readonly sources: string | readonly string[];
  readonly destination: string;
}

/** Milliseconds between two events of type `progress` of a machine. */
const PROGRESS_INTERVAL = 1_000;

/** Copies files to machines or from them. Rejects with `UsageError` when something cannot be read on this computer. */
export async function performCopy(
  session: Session,
  name: string,
  selector: Selector,
  { direction, sources, destination }: CopyTask,
  { onBytes, ...options }: CopyOptions,
  tools: OperationTools<FleetEvent<CopyEnd>>,
): Promise<FleetResult<CopyEnd>> {
  const user = options.user ?? null;
  const from = typeof sources === 'string' ? [sources] : sources;
  if (from.length === 0) throw new UsageError('Cannot copy: there is nothing to copy');
  const here = (path: string): string => (isAbsolute(path) ? path : `${session.cwd}/${path}`);
  const request =
    direction === 'to'
      ? { from: from.map(here), to: destination, user }
      : { from, to: here(destination), user };
  const progress = createProgress(tools);
  return await orUsageError(async () => {
    commandOf(user);
    return await workOnFleet<CopyEnd>(session, name, selector, options, progress.tools, {
      kind: 'copy',
      run: (fleet, machines, over, log) =>
        (direction === 'to' ? copyTo : copyFrom)(fleet, machines, request, {
          ...over,
          onBytes(machine, count) {
            progress.add(machine, count);
            onBytes?.(machine, count);
          },
          onEvent(event) {
            if (event.type === 'ended' && event.outcome.kind === 'ended')
              void log(event.machine, Buffer.from(copiedLines(from, event.outcome.value.paths)));
            over.onEvent?.(event);
          },
        }),
      isFailure: () => false,
      words: ({ bytes }) => `copied ${bytes} bytes`,
    });
  });
}

/** `conf -> /srv`: what became what, or all that went to one place. */
function copiedLines(from: readonly string[], paths: readonly string[]): string {
  if (from.length !== paths.length) return `${from.join(' ')} -> ${paths.join(' ')}\n`;
  return from.map((source, i) => `${source} -> ${paths[i] ?? ''}\n`).join('');
}

/** Tells now and then how much has been copied. */
function createProgress(tools: OperationTools<FleetEvent<CopyEnd>>): {
  readonly tools: OperationTools<FleetEvent<CopyEnd>>;
  add(machine: string, count: number): void;
} {
  const copied = new Map<string, { bytes: number; told: number }>();
  let live: DeploymentState | undefined;
  return {
    tools: {
      signal: tools.signal,
      emit(event, state) {
        live = state;
        tools.emit(event, state);
      },
    },
    add(machine, count) {
      const now = systemClock.now();
      const known = copied.get(machine) ?? { bytes: 0, told: now };
      copied.set(machine, known);
      known.bytes += count;
      if (live === undefined || now - known.told < PROGRESS_INTERVAL) return;
      known.told = now;
      tools.emit({ type: 'progress', machine, bytes: known.bytes }, live);
    },
  };
}

/** What cannot be read on this computer, or asked of any machine, is said before one is reached. */
async function orUsageError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ConnectionError) throw new UsageError(error.message);
    throw error;
  }
}
