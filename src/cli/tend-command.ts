import type { Deployment, PreparedTend } from '../api/deployment.ts';
import type { MachineEnd, TendResult, TendVerb } from '../api/perform-tend.ts';
import type { Command } from './command-spec.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import { inputsOf } from './given-inputs.ts';
import { operate } from './operate.ts';
import { paceOf } from './pace.ts';
import { commandLine, nextCommands } from './render/next-commands.ts';
import { tendReport, unfinished } from './render/tend-report.ts';
import type { Account, Task } from './perform-task.ts';
import { selectorOf } from './selection.ts';
import { termsFor } from './tend-terms.ts';
import { victimLines } from './victims.ts';

/** A command that does something to machines that are there. */
export function tendCommand(verb: TendVerb): Command {
  return (context) =>
    operate(context, verb, async (opened, cancel) => {
      const deployment = await opened.deployment(context.flags.deployment);
      const prepared = await prepare(context, verb, deployment);
      await confirmTend(context, verb, prepared, cancel);
      return [taskOf(context, verb, prepared)];
    });
}

function prepare(context: Context, verb: TendVerb, deployment: Deployment): Promise<PreparedTend> {
  const selector = selectorOf(context, context.args);
  const { options } = context;
  const given = { ...inputsOf(context), ...paceOf(context) };
  switch (verb) {
    case 'start':
      return deployment.prepareStart(selector, given);
    case 'stop':
      return deployment.prepareStop(selector, { ...given, teardown: options.flag('teardown') });
    case 'reboot':
      return deployment.prepareReboot(selector, given);
    case 'replace':
      return deployment.prepareReplace(selector, {
        ...given,
        forceProtected: options.flag('force-protected'),
      });
  }
}

const QUESTIONS = {
  stop: { verb: 'Stop', would: 'would be stopped' },
  reboot: { verb: 'Reboot', would: 'would be rebooted' },
  replace: { verb: 'Replace', would: 'would be replaced by others, and what is on them lost' },
} as const;

/** Asks before services go away, where there is something to take away. */
async function confirmTend(
  context: Context,
  verb: TendVerb,
  { state, machines }: PreparedTend,
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  if (verb === 'start' || machines.length === 0) return;
  const { verb: asked, would } = QUESTIONS[verb];
  const teardown = context.options.flag('teardown') ? ', once their teardown scripts have run' : '';
  const gone = verb === 'replace' ? missing(state) : [];
  const victims = [
    `These machines of "${state.name}" ${would}${teardown}:`,
    ...victimLines(state, machines),
    ...(gone.length === 0
      ? []
      : ['These are terminated and would be launched again:', ...victimLines(state, gone)]),
  ].join('\n');
  const question = `${asked} ${machines.length === 1 ? '1 machine' : `${machines.length} machines`}?`;
  await confirm(context, { victims, question }, cancel);
}

/** Names of machines that the plan asks for and that were ended while others stayed. */
function missing({ machines }: PreparedTend['state']): readonly string[] {
  return [...machines.values()].flatMap(({ name, wanted, stage }) =>
    wanted && stage === 'gone' ? [name] : [],
  );
}

function taskOf(context: Context, verb: TendVerb, { state, start }: PreparedTend): Task {
  const { name } = state;
  const next = nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false });
  const again = (terms: readonly string[]): string =>
    commandLine(context, { command: verb, words: [...terms, ...paceWords(context)], deployment: name });
  return {
    kind: verb,
    deployment: name,
    next: { ...next, again: again([...context.args, ...selectionWords(context)]) },
    idle: `No machine of "${name}" is there: there is nothing to ${verb}.`,
    done: null,
    start,
    account: (result: TendResult): Account => ({
      machines: result.machines,
      lines: (options) => {
        if (result.machines.length === 0)
          return [`No machine of "${name}" is there: there is nothing to ${verb}.`];
        // What is left then is not this command's any more.
        const isOver = unfinished(result.machines).length === 0;
        const line = isOver ? undefined : again(termsOf(context, result.machines));
        return tendReport(verb, result, { ...options, next: { ...options.next, again: line } });
      },
    }),
  };
}

/** More terms than this are not repeated on a command line. */
const MOST_TERMS = 12;

/** What is left to do, or, when that is too much to write down, everything once more. */
function termsOf(context: Context, machines: readonly MachineEnd[]): readonly string[] {
  const terms = termsFor(unfinished(machines));
  if (terms.length > 0 && terms.length <= MOST_TERMS) return terms;
  return [...context.args, ...selectionWords(context)];
}

function selectionWords({ options }: Context): readonly string[] {
  return ['label', 'state', 'exclude'].flatMap((flag) =>
    options.list(flag).flatMap((value) => [`--${flag}`, value]),
  );
}

function paceWords({ options }: Context): readonly string[] {
  const set = ['serial', 'fail-fast', 'teardown', 'force-protected'].filter((flag) => options.flag(flag));
  const valued = ['max-unavailable', 'timeout'].flatMap((flag) => {
    const value = options.text(flag);
    return value === undefined ? [] : [`--${flag}`, value];
  });
  return [...set.map((flag) => `--${flag}`), ...valued];
}
