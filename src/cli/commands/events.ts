import { formatDuration, parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Fact, OperationRecord } from '../../fact.ts';
import type { RecordedFact } from '../../state/store.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, printJson } from '../context.ts';
import { givenName, loadDeployment, withStore } from '../deployments.ts';
import { follow } from '../follow.ts';
import { happenings, sentence } from '../render/happening.ts';
import { factLine, writeJsonLine } from '../render/json.ts';
import type { JsonLine } from '../render/json.ts';
import { version } from '../version.ts';

/** Digits of a plan's digest that people are shown. */
const DIGITS = 12;
/** Facts that are read at a time. */
const PAGE = 1_000;

export const eventsCommand: Command = (context) =>
  withStore(context, async (store) => {
    const { io, flags, args, options } = context;
    const state = await loadDeployment(store, givenName(context, args[0]));
    const goesOn = options.flag('follow');
    const since = sinceOf(options.text('since'), Date.now());
    const printFact = factPrinter(context, state);
    const document: JsonLine[] = [];
    let after = 0;
    if (flags.json && goesOn) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
    const code = await follow(context, { store, state, follow: goesOn }, async () => {
      for (;;) {
        const page = await store.events(state.uuid, { after, limit: PAGE });
        for (const event of page) show(event);
        after = page.at(-1)?.number ?? after;
        if (page.length < PAGE) return;
      }
    });
    if (flags.json && !goesOn) printJson(context, { format: 1, deployment: state.name, events: document });
    return code;

    function show({ number, fact }: RecordedFact): void {
      if (!flags.json) printFact(fact, fact.at >= since);
      else if (fact.at >= since) {
        const line = { number, ...factLine(fact, state.name) };
        if (goesOn) writeJsonLine(io.stdout, line);
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
