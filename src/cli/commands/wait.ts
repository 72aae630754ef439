import type { AwaitedMachine, WaitGoal, WaitResult } from '../../api/wait.ts';
import { WAIT_GOALS } from '../../api/wait.ts';
import { formatDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { printJson, tell } from '../context.ts';
import { givenName, withState } from '../open-here.ts';
import { durationOf } from '../pace.ts';
import { listOf } from '../render/failure-report.ts';
import { countOf } from '../render/happening.ts';
import { hang } from '../render/hang.ts';
import type { NextCommands } from '../render/next-commands.ts';
import { nextCommands } from '../render/next-commands.ts';
import { isSelecting, selectorOf } from '../selection.ts';
import { untilStopped } from '../stopping.ts';

/** More machines that are not there than this are counted, not listed. */
const LISTED = 20;

export const waitCommand: Command = (context) => {
  const goal = goalOf(context);
  const timeout = durationOf(context, 'timeout');
  const began = Date.now();
  return withState(context, (opened) =>
    untilStopped(context.io, async (signal) => {
      const name = givenName(context, undefined);
      const deployment = await opened.deployment(name, { timeout, signal });
      const { args } = context;
      const selector = isSelecting(context, args) ? selectorOf(context, args) : undefined;
      const left = timeout === undefined ? undefined : Math.max(0, began + timeout - Date.now());
      const result = await deployment.wait({ for: goal, selector, timeout: left, signal });
      report(context, deployment.name, { goal, result, isWhole: selector === undefined, timeout });
      return result.end === 'reached' ? 0 : 1;
    }),
  );
};

function goalOf({ options }: Context): WaitGoal {
  const given = options.text('for');
  const goal = WAIT_GOALS.find((known) => known === given);
  if (goal !== undefined) return goal;
  throw new UsageError(
    'Cannot wait: nothing says what for',
    `Add --for with one of ${WAIT_GOALS.join(', ')}.`,
  );
}

interface Waited {
  readonly goal: WaitGoal;
  readonly result: WaitResult;
  readonly isWhole: boolean;
  readonly timeout: number | undefined;
}

function report(context: Context, name: string, waited: Waited): void {
  const { goal, result } = waited;
  const { end, machines } = result;
  if (context.flags.json) {
    const lacking = end === 'reached' ? [] : lackingOf(machines);
    printJson(context, {
      format: 1,
      deployment: name,
      for: goal,
      end,
      machines: machines.map((machine) => ({ name: machine.name, state: machine.state })),
      lacking: lacking.map((machine) => machine.name),
    });
    return;
  }
  if (end !== 'reached') tell(context, missedLines(context, name, waited).join('\n'));
  else if (!context.flags.quiet) tell(context, reachedLine(name, waited));
}

function reachedLine(name: string, { goal, result: { machines }, isWhole }: Waited): string {
  if (goal === 'failed') {
    const failed = machines.filter(({ isThere }) => isThere).map((machine) => machine.name);
    return `Of "${name}" ${failed.length === 1 ? 'has' : 'have'} failed: ${listOf(failed)}`;
  }
  if (isWhole) return `"${name}" is ${goal}.`;
  return `${countOf(machines.length, 'machine')} of "${name}" ${machines.length === 1 ? 'is' : 'are'} ${goal}.`;
}

/** Why the wait ended, how far the machines are that lack, and the command that goes on. */
function missedLines(
  context: Context,
  name: string,
  { goal, result, isWhole, timeout }: Waited,
): readonly string[] {
  const lacking = lackingOf(result.machines);
  const some = isWhole ? `"${name}"` : `${countOf(result.machines.length, 'machine')} of "${name}"`;
  const what = goal === 'failed' ? 'a failure' : `${some} to be ${goal}`;
  const why =
    result.end === 'timeout' ? `time ran out after ${formatDuration(timeout ?? 0)}` : overWords(result);
  const plan = result.state?.plan ?? null;
  const named = plan !== null && plan.name !== name;
  const next = nextCommands(context, { deployment: name, plan: plan?.path ?? null, named });
  const more = lacking.length - LISTED;
  return [
    `Cannot wait any longer for ${what}: ${why}`,
    ...lacking.slice(0, LISTED).map((machine) => `  ${lackLine(machine, result)}`),
    ...(more > 0 ? [`  … and ${more} more: ${next.status}`] : []),
    ...(result.end === 'over' && result.state !== null ? [`Next: ${nextFor(goal, next)}`] : []),
  ];
}

function lackingOf(machines: readonly AwaitedMachine[]): readonly AwaitedMachine[] {
  return machines.filter(({ isThere }) => !isThere);
}

function lackLine({ name, state }: AwaitedMachine, result: WaitResult): string {
  const failure = result.state?.machines.get(name)?.failure ?? null;
  return `${name}  ${state}${failure === null ? '' : `  ${failure.step}: ${hang(failure.message, 4)}`}`;
}

function overWords({ state, operation }: WaitResult): string {
  if (state === null) return 'its record was removed';
  if (operation === null) return 'no operation is under way';
  const { kind, owner, outcome, endedAt } = operation;
  const end = endedAt === null ? 'broke off: its process is gone' : `has ended (${outcome ?? 'unknown'})`;
  return `the ${kind} by ${owner} ${end}, and no other is under way`;
}

function nextFor(goal: WaitGoal, next: NextCommands): string {
  return goal === 'terminated' ? next.down : goal === 'ready' ? next.up : next.status;
}
