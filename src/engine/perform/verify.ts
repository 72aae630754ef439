import { spellDuration } from '../../duration.ts';
import { childSignal } from '../../child-signal.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import { lastLines } from '../../state/log-bytes.ts';
import { logPath } from '../../state/log-files.ts';
import type { LogFile } from '../../state/logs.ts';
import { verifyParts } from '../made.ts';
import { tryCheck } from './check.ts';
import type { CheckTry, TryEnd } from './check.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { showLines } from './show-lines.ts';
import { within } from '../limit.ts';

/** Tries every check of a service side by side until each passed as often as it should, or one is given up. */
export async function verify(
  name: string,
  context: PerformContext,
  cancel: Cancel,
): Promise<readonly FactBody[]> {
  const machine = machineOf(context.journal, name);
  const { generation } = machine;
  const service = context.service(machine.service);
  const attempt = (machine.attempts.verify ?? 0) + 1;
  const startedAt = context.wiring.clock.now();
  context.tell({ type: 'step-began', machine: name, step: 'verify', attempt });

  const mask = context.maskFor(machine);
  const path = logPath(context.journal.state, name, generation, 'verify', attempt);
  const log = context.wiring.logs.open(path, mask);
  const shown = showLines(name, 'verify', mask, context);
  const isLone = service.verify.length === 1;
  using givenUp = childSignal(cancel.signal);
  const scope = context.scopes.ready(service, machine);
  const failures: Failure[] = [];

  const ends = await Promise.allSettled(
    service.verify.map(async (check) => {
      const work = { check, machine, service, scope, output: outputTo(log, shown.write, isLone) };
      const failure = await pass(work, context, givenUp);
      if (failure === null) return;
      failures.push(failure);
      givenUp.abort(failure);
    }),
  );
  shown.end();
  const isLogged = (await log.end()).length > 0;
  cancel.signal.throwIfAborted();
  const surprise = ends.find((end) => end.status === 'rejected');
  if (surprise !== undefined && failures.length === 0) throw surprise.reason;

  const [first] = failures;
  if (first === undefined) {
    const made = verifyParts(service, scope, (text) => context.wiring.store.fingerprint(text));
    return [{ type: 'step-succeeded', machine: name, generation, step: 'verify', attempt, startedAt, made }];
  }
  const failed = { failure: { ...first, logPath: isLogged ? path : null }, gaveUp: true, retryAt: null };
  return [{ type: 'step-failed', machine: name, generation, step: 'verify', attempt, startedAt, failed }];
}

/** Where a check's output goes: straight to the log, or, beside other checks, try by try. */
function outputTo(log: LogFile, show: (chunk: Buffer) => void, isLone: boolean): CheckTry['output'] {
  const write = (chunk: Buffer): void => {
    log.write(chunk);
    show(chunk);
  };
  if (isLone) return () => ({ write, end: () => undefined });
  return () => {
    const chunks: Buffer[] = [];
    return { write: (chunk) => chunks.push(chunk), end: () => write(Buffer.concat(chunks)) };
  };
}

/** Null once the check passed `successes` times in a row; its failure when the time is over or an exit code is fatal. */
async function pass(work: CheckTry, context: PerformContext, cancel: Cancel): Promise<Failure | null> {
  const { check } = work;
  using limit = within(check.timeout, context, cancel);
  const latest: { end: TryEnd | null; printed: string } = { end: null, printed: '' };
  let passed = 0;
  let failures = 0;
  try {
    for (;;) {
      const printed = keepLast();
      const end = await tryOnce({ ...work, output: () => printed.beside(work.output()) }, context, limit);
      passed = end.kind === 'passed' ? passed + 1 : 0;
      if (passed >= check.successes) return null;
      if (end.kind !== 'passed') Object.assign(latest, { end, printed: printed.text() });
      const isSpent = check.kind === 'script' && end.kind !== 'passed' && ++failures >= check.script.attempts;
      if (end.kind === 'fatal' || isSpent)
        return failureWith({ end, printed: latest.printed, failures }, work, context);
      await context.wiring.clock.sleep(check.interval, limit);
    }
  } catch (error) {
    if (!limit.expired()) throw error;
    return failureWith({ ...latest, failures }, work, context);
  }
}

/** One try with a limit of its own; it holds a place among the running scripts, waiting between tries does not. */
async function tryOnce(work: CheckTry, context: PerformContext, cancel: Cancel): Promise<TryEnd> {
  return context.scripts.run(async () => {
    using limit = within(work.check.tryTimeout, context, cancel);
    try {
      return await tryCheck(work, context, limit);
    } catch (error) {
      if (!limit.expired() || cancel.signal.aborted) throw error;
      const message = `the last try did not end within ${spellDuration(work.check.tryTimeout)}`;
      return { kind: 'not-yet', message, exitCode: null };
    }
  }, cancel);
}

/** The failure of a check, with what its last try printed. `end` null: no try ended. `failures`: tries that did not pass. */
function failureWith(
  {
    end,
    printed,
    failures,
  }: { readonly end: TryEnd | null; readonly printed: string; readonly failures: number },
  { check, machine }: CheckTry,
  context: PerformContext,
): Failure {
  const mask = context.maskFor(machine);
  const logTail = lastLines(mask.text(printed));
  const what = check.kind === 'script' ? `Verify "${check.script.label}"` : `The ${check.kind} check`;
  const late = `${what} did not pass within ${spellDuration(check.timeout)}`;
  if (end === null || end.kind === 'passed')
    return failureOf('verify', 'timeout', `${late}: no try ended`, { logTail });
  const { exitCode } = end;
  if (end.kind === 'fatal')
    return failureOf('verify', 'fatal-exit', mask.text(end.message), { exitCode, logTail });
  const isSpent = check.kind === 'script' && failures >= check.script.attempts;
  if (isSpent) {
    const tries = failures === 1 ? 'its only try' : `${failures} tries`;
    return failureOf('verify', 'exit', mask.text(`${what} did not pass in ${tries}: ${end.message}`), {
      exitCode,
      logTail,
    });
  }
  return failureOf('verify', 'timeout', mask.text(`${late}: ${end.message}`), { exitCode, logTail });
}

const KEPT_BYTES = 64 * 1024;

/** Keeps the last bytes of one try. */
function keepLast() {
  let kept = Buffer.alloc(0);
  return {
    text: () => kept.toString(),
    beside: (sink: ReturnType<CheckTry['output']>): ReturnType<CheckTry['output']> => ({
      write(chunk) {
        sink.write(chunk);
        kept = Buffer.concat([kept, chunk]);
        if (kept.length > KEPT_BYTES) kept = kept.subarray(kept.length - KEPT_BYTES);
      },
      end: () => {
        sink.end();
      },
    }),
  };
}
