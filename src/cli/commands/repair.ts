import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName } from '../open-here.ts';
import { operate } from '../operate.ts';
import { nextCommands } from '../render/next-commands.ts';

export const repairCommand: Command = (context) =>
  operate(context, 'repair', async (opened, cancel) => {
    const deployment = await opened.deployment(givenName(context, context.args[0]));
    const { state, start } = await deployment.prepareRepair(inputsOf(context));
    const { name } = state;
    const victims = `Machines of "${name}" that do not verify would be bootstrapped again, rebooted or replaced.`;
    await confirm(context, { victims, question: 'Heal them?' }, cancel);
    return [
      {
        kind: 'repair',
        deployment: name,
        next: nextCommands(context, { deployment: name, plan: state.plan?.path ?? null, named: false }),
        idle: `"${name}" has no machines: there is nothing to repair.`,
        done: null,
        start,
      },
    ];
  });
