import type { PreparedScale } from '../../api/deployment.ts';
import type { ScaleChange } from '../../api/perform-scale.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { confirmForecast } from '../confirm-forecast.ts';
import type { Context } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { operate } from '../operate.ts';
import type { Task } from '../perform-task.ts';
import { nextCommands } from '../render/next-commands.ts';

export const scaleCommand: Command = (context) => {
  const changes = changesOf(context);
  return operate(context, 'scale', async (opened, cancel) => {
    const deployment = await opened.deployment(context.flags.deployment);
    const forceProtected = context.options.flag('force-protected');
    const prepared = await deployment.prepareScale(changes, { ...inputsOf(context), forceProtected });
    await confirmForecast(context, prepared.forecast, cancel);
    return [taskOf(context, prepared)];
  });
};

function taskOf(context: Context, { state, start }: PreparedScale): Task {
  const { name } = state;
  return {
    kind: 'scale',
    deployment: name,
    next: nextCommands(context, {
      deployment: name,
      plan: state.plan?.path ?? null,
      named: name !== state.plan?.name,
    }),
    idle: `"${name}" has these machines already: there is nothing to do.`,
    done: null,
    start,
  };
}

/** Throws `UsageError`. */
function changesOf({ args, options }: Context): readonly ScaleChange[] {
  const changes = new Map<string, ScaleChange>();
  for (const word of args) {
    const change = readChange(word);
    if (changes.has(change.service))
      throw new UsageError(`Cannot scale "${change.service}": it is given twice`);
    changes.set(change.service, change);
  }
  for (const machine of options.list('remove')) {
    const [, service] = /^(.+)-\d+$/.exec(machine) ?? [];
    if (service === undefined)
      throw new UsageError(
        `Cannot remove "${machine}": it is no machine`,
        'A machine is called like "web-2".',
      );
    const { count = null, remove = [] } = changes.get(service) ?? {};
    changes.set(service, { service, count, remove: [...remove, machine] });
  }
  if (changes.size > 0) return [...changes.values()];
  throw new UsageError(
    'Cannot scale: nothing says which service',
    'Write "web=3" for so many machines, "web=+2" or "web=-1" for more or fewer, or --remove web-2.',
  );
}

function readChange(word: string): ScaleChange {
  const [, service, sign, digits] = /^([a-zA-Z][a-zA-Z0-9-]*)=([+-]?)(\d+)$/.exec(word) ?? [];
  if (service !== undefined && digits !== undefined) {
    const machines = sign === '-' ? -Number(digits) : Number(digits);
    return { service, count: { kind: sign === '' ? 'to' : 'by', machines }, remove: [] };
  }
  const [, name, rest] = /^([a-zA-Z][a-zA-Z0-9-]*?)([+-]\d+)$/.exec(word) ?? [];
  const meant = name === undefined || rest === undefined ? 'web=3' : `${name}=${rest}`;
  throw new UsageError(
    `Cannot scale by "${word}": it is not a change such as "web=3", "web=+2" or "web=-1"`,
    name === undefined ? undefined : `Did you mean "${meant}"?`,
  );
}
