import type { Planned } from '../../api/planned.ts';
import { refuseProtected } from '../../api/protected.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirmForecast } from '../confirm-forecast.ts';
import type { Context } from '../context.ts';
import { print } from '../context.ts';
import { forecastDocument, forecastText } from '../forecast.ts';
import { tellWarnings } from '../given-inputs.ts';
import { refuseStreams } from '../input-streams.ts';
import { withState } from '../open-here.ts';
import { operate } from '../operate.ts';
import { readPlanned } from '../read-planned.ts';
import { lifetimeOf } from '../lifetime.ts';
import { writeJsonLine } from '../render/json.ts';
import { upTask } from '../up-task.ts';
import { version } from '../version.ts';

export const upCommand: Command = async (context) => {
  const { options, flags } = context;
  // Before anything is read.
  lifetimeOf(context, 'ttl');
  if (options.flag('dry-run')) {
    printDryRun(context, await withState(context, (state) => readPlanned(context, state)));
    return 0;
  }
  const [isDetached, waits] = [options.flag('detach'), !options.flag('no-wait')];
  if (isDetached && !waits)
    throw new UsageError('Cannot use --no-wait with --detach: what is detached is not waited for');
  if (isDetached) refuseStreams(context);
  // Without waiting nothing is replaced and nothing terminated yet.
  const asking = waits ? context : { ...context, flags: { ...flags, yes: true } };
  return operate(context, 'up', async (state, cancel) => {
    const planned = await readPlanned(context, state);
    tellWarnings(context, planned.warnings);
    if (!options.flag('force-protected')) refuseProtected(planned);
    await confirmForecast(asking, planned.forecast, cancel);
    if (!isDetached) return [upTask(context, state, planned)];
    const { detachedTask } = await import('../detached-task.ts');
    return [detachedTask(context, state, planned)];
  });
};

function printDryRun(context: Context, { forecast, warnings }: Planned): void {
  const { flags, io } = context;
  if (!flags.json) {
    tellWarnings(context, warnings);
    print(context, forecastText(forecast));
    return;
  }
  writeJsonLine(io.stdout, { type: 'version', format: 1, version: version(), operation: 'up' });
  tellWarnings(context, warnings);
  writeJsonLine(io.stdout, forecastDocument(forecast));
  const result = { type: 'result', outcome: 'succeeded', operation: 'up', dryRun: true, deployments: [] };
  writeJsonLine(io.stdout, result);
}
