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
import type { Timeline } from '../render/timeline.ts';
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
      if (attachment.presence !== 'under-way') {
        ended.push(reported(context, attachment, { directory, wasFollowed: false }));
        attachment = null;
      }
      while (attachment !== null) {
        const end = await show(context, attachment, signal);
        ended.push(reported(context, end, { directory, wasFollowed: true }));
        attachment = await attachment.next({ signal });
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

/** Says how an operation ended. */
function reported(
  context: Context,
  { operation, state, timeline = createTimeline(operation.startedAt) }: Shown,
  { directory, wasFollowed }: { readonly directory: string; readonly wasFollowed: boolean },
): Ended {
  const { outcome, endedAt } = operation;
  const end = { operation, state };
  const words = endWords(context, end, { directory, isFollowed: wasFollowed });
  if (words !== null && progressOf(context) !== 'json') tell(context, words);
  const performed = {
    task: attachedTask(context, end),
    outcome: outcome ?? 'interrupted',
    worked: true,
    state,
    timeline,
    error: null,
  } as const;
  if (endedAt !== null && wasFollowed) reportTask(context, performed, { directory, now: endedAt });
  return performed;
}

type Shown = FollowedEnd & { readonly timeline?: Timeline };

/** Shows an operation until its end. */
async function show(context: Context, attachment: Attachment, signal: AbortSignal): Promise<Shown> {
  const { operation, state } = attachment;
  const timeline = createTimeline(operation.startedAt);
  const renderer = await rendererOf(context, operation);
  const progress = progressOf(context);
  if (progress === 'plain' || progress === 'tty') renderer.note(openingWords(attachment));
  if (progress === 'plain') for (const line of soFarLines(state)) renderer.note(line);
  try {
    const end = await attachment.follow({
      signal,
      onEvent(event, current) {
        timeline.note(event, current);
        if (event.isPast) renderer.past(event, current);
        else renderer.event(event, current);
      },
    });
    return { ...end, timeline };
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
