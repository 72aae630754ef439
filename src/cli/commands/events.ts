import type { DeploymentState } from '../../api/deployment-state.ts';
import type { RecordedFact } from '../../api/deployments.ts';
import { formatDuration, parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Fact, OperationRecord } from '../../fact.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, printJson } from '../context.ts';
import { followed } from '../followed.ts';
import { givenName, withState } from '../open-here.ts';
import { happenings, sentence } from '../render/happening.ts';
import { factLine, writeJsonLine } from '../render/json.ts';
import type { JsonLine } from '../render/json.ts';
import { version } from '../version.ts';

/** Digits of a plan's digest that people are shown. */
const DIGITS = 12;

export const eventsCommand: Command = (context) =>
  withState(context, async (opened) => {
    const { io, flags, args, options } = context;
    const deployment = await opened.deployment(givenName(context, args[0]));
    const state = await deployment.state();
    const follow = options.flag('follow');
    const since = sinceOf(options.text('since'), Date.now());
    const printFact = factPrinter(context, state);
    const document: JsonLine[] = [];
    if (flags.json && follow) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
    const code = await followed(context, deployment, async (signal) => {
      for await (const event of deployment.events({ follow, signal })) show(event);
    });
    if (flags.json && !follow) printJson(context, { format: 1, deployment: state.name, events: document });
    return code;

    function show({ number, fact }: RecordedFact): void {
      if (!flags.json) printFact(fact, fact.at >= since);
      else if (fact.at >= since) {
        const line = { number, ...factLine(fact, state.name) };
        if (follow) writeJsonLine(io.stdout, line);
        else document.push(line);
      }
    }
  });

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/** Epoch milliseconds from which on facts are shown. Throws `UsageError`. */
function sinceOf(text: string | undefined, now: number): number {
  if (text === undefined) return -Infinity;
  const duration = parseDuration(text);
  if (duration !== undefined) return now - duration;
  const time = ISO_TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  throw new UsageError(
    `Cannot use --since: "${text}" is neither a duration nor a time`,
    'Examples: 30s, 1h30m, 2024-05-03T12:00:00Z.',
  );
}

/** Prints facts one by one; those that are not shown are remembered for those that are. */
function factPrinter(context: Context, state: DeploymentState): (fact: Fact, isShown: boolean) => void {
  let operation: OperationRecord | undefined;
  return (fact, isShown) => {
    if (fact.type === 'operation-started') operation = fact.operation;
    if (!isShown) return;
    const time = new Date(fact.at).toISOString();
    for (const happening of happenings(fact, state))
      print(context, `${time}  ${happening.subject}  ${wordsOf(fact, operation) ?? sentence(happening)}`);
  };
}

/** What history tells of operations beyond their progress: number, plan, duration. */
function wordsOf(fact: Fact, operation: OperationRecord | undefined): string | undefined {
  if (fact.type === 'operation-started') {
    const { id, kind, owner, planDigest } = fact.operation;
    const plan = planDigest === '' ? '' : `, plan ${planDigest.slice(0, DIGITS)}`;
    return `operation ${id}: ${kind} by ${owner}${plan}`;
  }
  if (fact.type !== 'operation-ended' || operation?.id !== fact.id) return undefined;
  const took = formatDuration(Math.max(0, fact.at - operation.startedAt));
  return `operation ${fact.id}: ${operation.kind} ${fact.outcome} after ${took}`;
}
