import type { Planned } from '../../api/planned.ts';
import { refuseProtected } from '../../api/protected.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { print, tell } from '../context.ts';
import { downAfterFailure } from '../down-task.ts';
import { changesWhatExists, differenceDocument, forecastText } from '../forecast.ts';
import { tellWarnings } from '../given-inputs.ts';
import { withState } from '../open-here.ts';
import { operate } from '../operate.ts';
import { readPlanned } from '../read-planned.ts';
import { lifetimeOf } from '../lifetime.ts';
import { jsonOutputs, progressOf } from '../render/choose.ts';
import type { JsonLine } from '../render/json.ts';
import { writeJsonLine } from '../render/json.ts';
import { nextCommands } from '../render/next-commands.ts';
import { version } from '../version.ts';

export const upCommand: Command = async (context) => {
  const ttl = lifetimeOf(context, 'ttl');
  if (context.options.flag('dry-run')) {
    printDryRun(context, await withState(context, (state) => readPlanned(context, state)));
    return 0;
  }
  return operate(context, 'up', async (state, cancel) => {
    const planned = await readPlanned(context, state);
    const { plan } = planned;
    tellWarnings(context, planned.warnings);
    if (!context.options.flag('force-protected')) refuseProtected(planned);
    await showAndConfirm(context, planned, cancel);
    const named = plan.deployment !== plan.name;
    return [
      {
        kind: 'up',
        deployment: plan.deployment,
        next: nextCommands(context, { deployment: plan.deployment, plan: plan.path, named }),
        idle: `"${plan.deployment}" is ready: there is nothing to do.`,
        done: null,
        start: (options) => state.up(planned, { ...options, ttl }),
        ...(context.options.text('on-failure') === 'down'
          ? { recover: () => downAfterFailure(context, state, plan.deployment) }
          : {}),
      },
    ];
  });
};

/** Shows what would change, and asks before anything is replaced or terminated that an earlier operation did not begin to. */
async function showAndConfirm(
  context: Context,
  { forecast }: Planned,
  cancel: { readonly signal: AbortSignal },
): Promise<void> {
  if (!changesWhatExists(forecast)) return;
  for (const output of jsonOutputs(context)) writeJsonLine(output, forecastLine(forecast));
  const victims = forecast.differences.filter(
    ({ action, begun }) => !begun && (action === 'terminate' || action === 'replace'),
  );
  const text = forecastText(forecast);
  if (victims.length > 0 && !context.flags.yes) {
    const question = `Replace or terminate ${victims.length === 1 ? '1 machine' : `${victims.length} machines`}?`;
    await confirm(context, { victims: text, question }, cancel);
  } else if (!['quiet', 'json'].includes(progressOf(context))) tell(context, text);
}

function printDryRun(context: Context, { forecast, warnings }: Planned): void {
  const { flags, io } = context;
  if (!flags.json) {
    tellWarnings(context, warnings);
    print(context, forecastText(forecast));
    return;
  }
  writeJsonLine(io.stdout, { type: 'version', format: 1, version: version(), operation: 'up' });
  tellWarnings(context, warnings);
  writeJsonLine(io.stdout, forecastLine(forecast));
  const result = { type: 'result', outcome: 'succeeded', operation: 'up', dryRun: true, deployments: [] };
  writeJsonLine(io.stdout, result);
}

function forecastLine({ deployment, differences }: Planned['forecast']): JsonLine {
  return { type: 'forecast', deployment, differences: differences.map(differenceDocument) };
}
