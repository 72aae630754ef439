import type { MachineResult } from '../../api/fleet-work.ts';
import type { CopyEnd } from '../../api/perform-copy.ts';
import { systemClock } from '../../clock.ts';
import { formatDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { CopyTerms } from '../copy-terms.ts';
import { copyTerms } from '../copy-terms.ts';
import { performFleet } from '../fleet-task.ts';
import { formatBytes } from '../format-bytes.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName, withState } from '../open-here.ts';
import { paceOf } from '../pace.ts';
import { fleetProgress } from '../render/fleet-progress.ts';
import { isSelecting, selectorOf } from '../selection.ts';

export const copyCommand: Command = (context) =>
  withState(context, async (state) => {
    const terms = copyTerms(context.args);
    const selected = terms.term === '' ? [] : [terms.term];
    if (!isSelecting(context, selected))
      throw new UsageError(
        'Cannot copy: no machines are selected',
        'Name some before the colon, as in "web:~/file", or by --label or --state.',
      );
    const pace = paceOf(context);
    const deployment = await state.deployment(givenName(context, undefined));
    const meter = createMeter();
    const progress = await fleetProgress<CopyEnd>(context, {
      doing: 'copy',
      isOfOne: true,
      detail: meter.words,
      line: (result) => lineOf(terms, result),
    });
    const { direction, sources, destination } = terms;
    return await performFleet<CopyEnd>(context, {
      kind: 'copy',
      deployment: deployment.name,
      progress,
      start: (given) =>
        (direction === 'to' ? deployment.copyTo : deployment.copyFrom)(
          selectorOf(context, selected),
          sources,
          destination,
          {
            ...given,
            ...pace,
            ...inputsOf(context),
            user: context.options.text('user'),
            onBytes: (_machine, count) => meter.add(count),
          },
        ),
      isFailure: () => false,
      words: () => '',
      json: ({ bytes, paths }) => ({ bytes, paths }),
    });
  });

/** What is told of a machine to which, or from which, all was copied. */
function lineOf(
  { direction }: CopyTerms,
  { machine, outcome, milliseconds }: MachineResult<CopyEnd>,
): string | null {
  if (outcome.kind !== 'ended') return null;
  const { bytes, paths } = outcome.value;
  const where = direction === 'to' ? '' : ` to ${paths.join(' ')}`;
  return `${machine}: copied ${formatBytes(bytes)}${where} in ${formatDuration(milliseconds)}`;
}

/** Counts bytes of all machines. */
function createMeter(): { readonly words: () => string; readonly add: (count: number) => void } {
  const begun = systemClock.now();
  let bytes = 0;
  return {
    words() {
      const seconds = Math.max(1, systemClock.now() - begun) / 1_000;
      return bytes === 0 ? '' : `${formatBytes(bytes)}, ${formatBytes(bytes / seconds)}/s`;
    },
    add(count) {
      bytes += count;
    },
  };
}
