import type { GcProblem, GcRequest, GcSurvey, Orphan } from '../../api/gc.ts';
import { displayPath } from '../../api/display-path.ts';
import { parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { print, printJson, tell } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { exitCodeOf } from '../io.ts';
import { withState } from '../open-here.ts';
import type { GcReport } from '../orphan-report.ts';
import { gcDocument, leftLine, orphanTable, problemLine } from '../orphan-report.ts';
import { countOf } from '../render/happening.ts';
import type { Stopping } from '../stopping.ts';
import { isAbort, watchStop } from '../stopping.ts';

/** Exit code 0, or 1 with `--delete` when something is left or a provider could not be asked. */
export const gcCommand: Command = async (context) => {
  const filter = readFilter(context);
  using stopping = watchStop(context.io);
  const { signal } = stopping;
  try {
    return await withState(context, async (state) => {
      const request = { plans: context.args, ...filter, ...inputsOf(context), signal };
      await using survey = await state.gc(request);
      return await collect(context, survey, stopping);
    });
  } catch (error) {
    if (stopping.received === null || !isAbort(error, signal)) throw error;
    tell(context, 'Interrupted. "plan gc" tells what is left.');
    return exitCodeOf(stopping.received);
  }
};

async function collect(context: Context, survey: GcSurvey, stopping: Stopping): Promise<number> {
  const { orphans, removable, at } = survey;
  const isDelete = context.options.flag('delete');
  const doomed = isDelete ? removable : [];
  if (doomed.length > 0) await confirmAll(context, doomed, at, stopping);
  const left = doomed.length > 0 ? await survey.remove(doomed) : new Map<Orphan, string>();
  const problems = survey.problems.map((problem): GcProblem => ({
    ...problem,
    plan: problem.plan === null ? null : displayPath(problem.plan, context.io.cwd),
  }));
  tellAll(context, { orphans, problems, doomed: new Set(doomed), left }, at);
  return isDelete && left.size + problems.length > 0 ? 1 : 0;
}

function readFilter({ options }: Context): Pick<GcRequest, 'owner' | 'olderThan'> {
  const written = options.text('older-than');
  const olderThan = written === undefined ? undefined : parseDuration(written);
  if (written !== undefined && olderThan === undefined)
    throw new UsageError(
      `Cannot use --older-than "${written}": it is not a duration`,
      'Write it like 30m, 12h or 7d.',
    );
  const owner = options.text('owner');
  if (owner === '') throw new UsageError('Cannot use --owner: it is empty', 'Write it like ann@host.');
  return { owner, olderThan };
}

async function confirmAll(
  context: Context,
  doomed: readonly Orphan[],
  now: number,
  cancel: Stopping,
): Promise<void> {
  const lines = ['These would be removed:', orphanTable(doomed, now)];
  if (doomed.some(({ isOurs }) => !isOurs))
    lines.push('Another state directory may account for what is marked so: look there first.');
  const question = `Remove ${countOf(doomed.length, 'orphan')}?`;
  await confirm(context, { victims: lines.join('\n'), question }, cancel);
}

function tellAll(context: Context, report: GcReport, now: number): void {
  const { orphans, problems, doomed, left } = report;
  const { json, quiet } = context.flags;
  for (const problem of problems) tell(context, problemLine(problem));
  for (const [orphan, why] of left) tell(context, leftLine(orphan, why));
  if (json) {
    printJson(context, gcDocument(report));
    return;
  }
  const isDelete = context.options.flag('delete');
  if (!isDelete && orphans.length > 0) print(context, orphanTable(orphans, now));
  if (quiet) return;
  if (orphans.length === 0) tell(context, 'No orphans were found.');
  else if (isDelete) tell(context, removedLine(orphans.length, doomed.size, left.size));
  else tell(context, 'Run "plan gc --delete" to remove those of this state directory.');
}

function removedLine(found: number, doomed: number, left: number): string {
  const others = found - doomed;
  const removed = `${countOf(doomed - left, 'orphan')} removed.`;
  if (others === 0) return removed;
  return `${removed} ${countOf(others, 'orphan')} of other state directories left: name the owner with --owner to remove ${others === 1 ? 'it' : 'them'}.`;
}
