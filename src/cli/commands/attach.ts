import type { Attachment, FollowedEnd } from '../../api/attach.ts';
import { describeMoment } from '../../api/unlock.ts';
import { systemClock } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import type { OperationRecord } from '../../fact.ts';
import { attachedTask, endWords, soFarLines } from '../attached.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { tell } from '../context.ts';
import { exitCodeOf } from '../io.ts';
import { givenName, withState } from '../open-here.ts';
import type { Ended } from '../operate.ts';
import { resultLine } from '../operate.ts';
import { chooseRenderer, jsonOutputs, progressOf } from '../render/choose.ts';
import { jsonRenderer, writeJsonLine } from '../render/json.ts';
import type { Renderer } from '../render/renderer.ts';
import { together } from '../render/renderer.ts';
import { createTimeline } from '../render/timeline.ts';
import { isAbort, watchStop } from '../stopping.ts';
import { reportTask } from '../task-report.ts';
import { version } from '../version.ts';

/** Exit code 0 when the operation succeeded, 1 when it did not; that of the signal when one detached from it. */
export const attachCommand: Command = (context) =>
  withState(context, async (opened) => {
    const { directory } = opened;
    using stopping = watchStop(context.io);
    const { signal } = stopping;
    const outputs = jsonOutputs(context);
    const ended: Ended[] = [];
    try {
      const deployment = await opened.deployment(givenName(context, context.args[0]));
      let attachment: Attachment | null = await deployment.attach({ signal });
      const { kind } = attachment.operation;
      for (const output of outputs)
        writeJsonLine(output, { type: 'version', format: 1, version: version(), operation: kind });
      while (attachment !== null) {
        ended.push(await followOne(context, attachment, { signal, directory }));
        attachment = attachment.presence === 'under-way' ? await attachment.next({ signal }) : null;
      }
      const outcome = ended.find((one) => one.outcome !== 'succeeded')?.outcome ?? 'succeeded';
      for (const output of outputs) writeJsonLine(output, resultLine(directory, kind, outcome, ended));
      return outcome === 'succeeded' ? 0 : 1;
    } catch (error) {
      if (stopping.received === null || !isAbort(error, signal)) throw error;
      tell(context, 'Detached: it goes on. "plan attach" comes back to it, and "plan cancel" ends it.');
      return exitCodeOf(stopping.received);
    }
  });

/** Shows an operation until its end, or says how it ended. */
async function followOne(
  context: Context,
  attachment: Attachment,
  { signal, directory }: { readonly signal: AbortSignal; readonly directory: string },
): Promise<Ended> {
  const { operation, state, presence } = attachment;
  const timeline = createTimeline(operation.startedAt);
  const isFollowed = presence === 'under-way';
  const end = isFollowed ? await show(context, attachment, { signal, timeline }) : { operation, state };
  const { outcome, endedAt } = end.operation;
  const performed = {
    task: attachedTask(context, end),
    outcome: outcome ?? 'interrupted',
    worked: true,
    state: end.state,
    timeline,
    abandoned: false,
    error: null,
  } as const;
  const words = endWords(context, end, { directory, isFollowed });
  if (words !== null && progressOf(context) !== 'json') tell(context, words);
  if (endedAt !== null && isFollowed) reportTask(context, performed, { directory, now: endedAt });
  return performed;
}

async function show(
  context: Context,
  attachment: Attachment,
  {
    signal,
    timeline,
  }: { readonly signal: AbortSignal; readonly timeline: ReturnType<typeof createTimeline> },
): Promise<FollowedEnd> {
  const { operation, state } = attachment;
  const renderer = await rendererOf(context, operation);
  const progress = progressOf(context);
  if (progress === 'plain' || progress === 'tty') renderer.note(openingWords(attachment));
  if (progress === 'plain') for (const line of soFarLines(state)) renderer.note(line);
  try {
    return await attachment.follow({
      signal,
      onEvent(event, current) {
        timeline.note(event, current);
        if (event.isPast) renderer.past(event, current);
        else renderer.event(event, current);
      },
    });
  } finally {
    renderer.finish(null);
  }
}

function openingWords({ operation, state, holder }: Attachment): string {
  const now = systemClock.now();
  const process = holder?.lease == null ? '' : ` (process ${holder.lease.pid})`;
  const since = describeMoment(operation.startedAt, now);
  const age = formatDuration(Math.max(0, now - operation.startedAt));
  return `"${state.name}": ${operation.kind} by ${operation.owner}${process} since ${since}, for ${age}. Ctrl-C detaches, and it goes on.`;
}

async function rendererOf(context: Context, { kind, startedAt }: OperationRecord): Promise<Renderer> {
  const shown = await chooseRenderer(context, { kind, clock: systemClock, startedAt });
  return context.flags.json ? together([shown, jsonRenderer(context.io.stdout, systemClock)]) : shown;
}
