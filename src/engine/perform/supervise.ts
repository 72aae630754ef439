import type { ConnectionError } from '../../connection/connection.ts';
import type { ScriptEnd, ScriptRun } from '../../connection/script-runner.ts';
import { spellDuration } from '../../duration.ts';
import type { Failure } from '../../failure.ts';
import type { Machine } from '../../machine.ts';
import { logPath } from '../../state/log-files.ts';
import type { LogFile } from '../../state/logs.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf } from './context.ts';
import { showLines } from './show-lines.ts';
import { persist, targetOf } from './use-connection.ts';
import { within } from '../limit.ts';

export interface Supervised {
  readonly step: 'bootstrap' | 'teardown';
  readonly attempt: number;
  /** How messages call the script. */
  readonly label: string;
  readonly run: ScriptRun;
  /** An earlier operation recorded that it starts; whether it did, the machine knows. */
  readonly isResumed: boolean;
  /** Milliseconds that the script may take; all of them again when it is attached to, for nobody knows when it began. */
  readonly timeout: number;
  /** Milliseconds without a connection after which it is given up. */
  readonly connectWithin: number;
}

export type SupervisedEnd =
  | {
      readonly kind: 'done';
      /** It is the script that an earlier operation had started, with what that one told it. */
      readonly isOld: boolean;
      readonly outputs: Buffer | null;
      readonly log: LogFile;
      readonly logPath: string;
    }
  | { readonly kind: 'failed'; readonly failure: Failure };

const STOP_LIMIT = 10_000;

/**
 * Runs a script under the machine's supervisor, or attaches to it when it was started before, and writes its log. A
 * connection that breaks is opened again and the script attached to. When the time is over the script is stopped.
 */
export async function supervise(
  work: Supervised,
  machine: Machine,
  context: PerformContext,
  cancel: Cancel,
): Promise<SupervisedEnd> {
  const { step, attempt, label, run } = work;
  const mask = context.maskFor(machine);
  const path = logPath(context.journal.state, machine.name, machine.generation, step, attempt);
  const openLog = (): LogFile => context.wiring.logs.open(path, mask);
  let log = openLog();
  let shown = showLines(machine.name, step, mask, context);
  const breaks: string[] = [];
  const time = context.timeLeft(machine.name);
  const isShorter = time !== null && time.left < work.timeout;
  using limit = within(isShorter ? time.left : work.timeout, context, cancel);

  const { runner } = context.wiring;
  let isOld = false;
  let end: ScriptEnd;
  try {
    const onBroken = (error: ConnectionError): void => {
      breaks.push(error.message);
      void log.end().catch(() => undefined);
      log = openLog();
      shown = shown.again();
    };
    const onOutput = (chunk: Buffer): void => {
      log.write(chunk);
      shown.write(chunk);
    };
    const { signal } = limit;
    end = await persist(
      targetOf(machine, context),
      context,
      { signal, onBroken, connectWithin: work.connectWithin },
      async (connection) => {
        const before = work.isResumed
          ? await runner.attach(connection, run, { signal, onOutput })
          : undefined;
        isOld = before !== undefined;
        return before ?? runner.run(connection, run, { signal, onOutput });
      },
    );
  } catch (error) {
    const tail = await log.end();
    if (!limit.expired()) throw error;
    const unstopped = await stop(machine, run, context, cancel);
    const cause = breaks.length === 0 ? '' : `; the connection was lost: ${breaks.at(-1) ?? ''}`;
    const allowed = isShorter
      ? `the limit of ${spellDuration(time.limit)} per machine`
      : spellDuration(work.timeout);
    const message = `${title(step)} "${label}" did not end within ${allowed}${cause}${unstopped}`;
    return {
      kind: 'failed',
      failure: failureOf(step, 'timeout', mask.text(message), { logTail: tail, logPath: path }),
    };
  }
  shown.end();
  const logTail = await log.end();
  if (end.kind === 'exited' && end.exitCode === 0)
    return { kind: 'done', outputs: end.outputs, isOld, log, logPath: path };
  return { kind: 'failed', failure: scriptFailure(step, label, end, { logTail, logPath: path }) };
}

/** The failure of a script that did not exit with 0. */
export function scriptFailure(
  step: 'bootstrap' | 'verify' | 'teardown',
  label: string,
  end: ScriptEnd,
  log: Pick<Failure, 'logTail' | 'logPath'>,
): Failure {
  if (end.kind === 'interrupted')
    return failureOf(step, 'interrupted', `${title(step)} "${label}" was interrupted: ${end.message}`, log);
  const { exitCode } = end;
  const signal = exitCode > 128 && exitCode < 160 ? SIGNALS[exitCode - 128] : undefined;
  if (signal !== undefined)
    return failureOf(step, 'killed', `${title(step)} "${label}" was ended by SIG${signal}`, {
      ...log,
      exitCode,
    });
  return failureOf(step, 'exit', `${title(step)} "${label}" exited with ${exitCode}`, { ...log, exitCode });
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'HUP',
  2: 'INT',
  3: 'QUIT',
  4: 'ILL',
  6: 'ABRT',
  9: 'KILL',
  11: 'SEGV',
  13: 'PIPE',
  15: 'TERM',
};

const TITLES = { bootstrap: 'Bootstrap', verify: 'Verify', teardown: 'Teardown' } as const;

export function title(step: 'bootstrap' | 'verify' | 'teardown'): string {
  return TITLES[step];
}

/** Stops a run on the machine; half a sentence when that could not be confirmed. */
async function stop(
  machine: Machine,
  run: ScriptRun,
  context: PerformContext,
  cancel: Cancel,
): Promise<string> {
  using limit = within(STOP_LIMIT, context, cancel);
  const { base, user, asRoot, name } = run;
  try {
    await persist(targetOf(machine, context), context, limit, (connection) =>
      context.wiring.runner.stop(connection, { base, user, asRoot, names: [name] }, { signal: limit.signal }),
    );
    return '';
  } catch (error) {
    cancel.signal.throwIfAborted();
    return `, and it may still run: it could not be stopped (${error instanceof Error ? error.message : String(error)})`;
  }
}
