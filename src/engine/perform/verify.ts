import { spellDuration } from '../../duration.ts';
import type { FactBody } from '../../fact.ts';
import type { Failure } from '../../failure.ts';
import type { Check } from '../../plan/plan.ts';
import { logPath } from '../../state/log-files.ts';
import type { LogFile } from '../../state/logs.ts';
import { tryCheck } from './check.ts';
import type { CheckTry, TryEnd } from './check.ts';
import type { Cancel, PerformContext } from './context.ts';
import { failureOf, machineOf } from './context.ts';
import { showLines } from './show-lines.ts';
import { within } from './use-connection.ts';

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
  const givenUp = new AbortController();
  const signal = AbortSignal.any([cancel.signal, givenUp.signal]);
  const scope = context.scopes.ready(service, machine);
  const failures: Failure[] = [];

  const ends = await Promise.allSettled(
    service.verify.map(async (check) => {
      const work = { check, machine, service, scope, output: outputTo(log, shown.write, isLone) };
      const failure = await pass(work, context, { signal });
      if (failure === null) return;
      failures.push(failure);
      givenUp.abort(failure);
    }),
  );
  shown.end();
  const logTail = await log.end();
  cancel.signal.throwIfAborted();
  const surprise = ends.find((end) => end.status === 'rejected');
  if (surprise !== undefined && failures.length === 0) throw surprise.reason;

  const [first] = failures;
  if (first === undefined)
    return [{ type: 'step-succeeded', machine: name, generation, step: 'verify', attempt, startedAt }];
  const failure = {
    ...first,
    message: mask.text(first.message),
    logTail,
    logPath: logTail.length > 0 ? path : null,
  };
  const failed = { failure, gaveUp: true, retryAt: null };
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
  let passed = 0;
  let latest: TryEnd | undefined;
  try {
    for (;;) {
      const end = await tryOnce(work, context, limit);
      if (end.kind === 'fatal')
        return failureOf('verify', 'fatal-exit', end.message, { exitCode: end.exitCode });
      passed = end.kind === 'passed' ? passed + 1 : 0;
      if (passed >= check.successes) return null;
      if (end.kind !== 'passed') latest = end;
      await context.wiring.clock.sleep(check.interval, limit);
    }
  } catch (error) {
    if (!limit.expired()) throw error;
    return outOfTime(check, latest);
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
      return {
        kind: 'not-yet',
        message: `a try did not end within ${spellDuration(work.check.tryTimeout)}`,
        exitCode: null,
      };
    }
  }, cancel);
}

function outOfTime(check: Check, latest: TryEnd | undefined): Failure {
  const limit = `did not pass within ${spellDuration(check.timeout)}`;
  const what = check.kind === 'script' ? `Verify "${check.script.label}"` : `The ${check.kind} check`;
  if (latest === undefined || latest.kind === 'passed')
    return failureOf('verify', 'timeout', `${what} ${limit}: no try ended`);
  return failureOf('verify', 'timeout', `${what} ${limit}: ${latest.message}`, { exitCode: latest.exitCode });
}
