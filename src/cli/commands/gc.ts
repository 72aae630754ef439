import { parseDuration } from '../../duration.ts';
import { findOrphans } from '../../engine/gc.ts';
import type { Orphan } from '../../engine/orphans.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { print, printJson, tell } from '../context.ts';
import { displayPath, withStore } from '../deployments.ts';
import { gcTargets } from '../gc-targets.ts';
import { exitCodeOf } from '../io.ts';
import type { GcProblem, GcReport } from '../orphan-report.ts';
import { gcDocument, leftLine, orphanTable, problemLine } from '../orphan-report.ts';
import { countOf } from '../render/happening.ts';
import type { Stopping } from '../stopping.ts';
import { isAbort, watchStop } from '../stopping.ts';
import { withWiring } from '../wiring.ts';

/** Exit code 0, or 1 with `--delete` when something is left or a provider could not be asked. */
export const gcCommand: Command = async (context) => {
  const filter = readFilter(context);
  using stopping = watchStop(context.io);
  try {
    return await withStore(context, (store, stateDirectory) => {
      // Where it may only be read, a store is a copy of the moment at which it was opened.
      const fresh = { ...store, ledger: () => withStore(context, (opened) => opened.ledger()) };
      const parts = { store, stateDirectory, flags: context.flags, observe: () => undefined };
      return withWiring(parts, async (wiring) => {
        const { targets, problems } = await gcTargets(context, store);
        await using survey = await findOrphans({ ...wiring, store: fresh }, targets, stopping);
        const now = wiring.clock.now();
        const orphans = survey.orphans.filter((orphan) => isMeant(orphan, filter, now));
        const doomed = context.options.flag('delete') ? orphans.filter((one) => mayGo(one, filter)) : [];
        if (doomed.length > 0) await confirmAll(context, doomed, now, stopping);
        const left = doomed.length > 0 ? await survey.remove(doomed, stopping) : new Map<Orphan, string>();
        const report = {
          orphans,
          problems: [
            ...problems.map((problem) => ({ ...problem, plan: displayPath(problem.plan, context.io.cwd) })),
            ...survey.problems.map(({ target, message }): GcProblem => ({
              provider: target.config.name,
              deployment: null,
              plan: null,
              message,
            })),
          ],
          doomed: new Set(doomed),
          left,
        };
        tellAll(context, report, now);
        if (!context.options.flag('delete')) return 0;
        return left.size > 0 || report.problems.length > 0 ? 1 : 0;
      });
    });
  } catch (error) {
    if (stopping.received === null || !isAbort(error, stopping.signal)) throw error;
    tell(context, 'Interrupted. "plan gc" tells what is left.');
    return exitCodeOf(stopping.received);
  }
};

interface Filter {
  readonly owner: string | null;
  /** Milliseconds. */
  readonly olderThan: number | null;
}

function readFilter({ options }: Context): Filter {
  const written = options.text('older-than') ?? null;
  const olderThan = written === null ? null : parseDuration(written);
  if (olderThan === undefined)
    throw new UsageError(
      `Cannot use --older-than "${written ?? ''}": it is not a duration`,
      'Write it like 30m, 12h or 7d.',
    );
  const owner = options.text('owner') ?? null;
  if (owner === '') throw new UsageError('Cannot use --owner: it is empty', 'Write it like ann@host.');
  return { owner, olderThan };
}

/** Of what has no age nobody knows that it is older. */
function isMeant({ holding }: Orphan, { owner, olderThan }: Filter, now: number): boolean {
  if (owner !== null && holding.tags.owner !== owner) return false;
  return olderThan === null || (holding.since !== null && now - holding.since >= olderThan);
}

/** What another state directory may account for goes only when its owner is named. */
function mayGo({ holding, isOurs }: Orphan, { owner }: Filter): boolean {
  return isOurs || (owner !== null && holding.tags.owner === owner);
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
