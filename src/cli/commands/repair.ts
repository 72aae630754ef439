import { repair } from '../../engine/repair.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import { givenName, withStore } from '../deployments.ts';
import { operate } from '../operate.ts';
import { livePlan, planReader } from '../recorded-plan.ts';
import { nextCommands } from '../render/next-commands.ts';

export const repairCommand: Command = (context) =>
  operate(context, 'repair', async (cancel) => {
    const { state, plan } = await withStore(context, (store) =>
      livePlan(context, store, givenName(context, context.args[0])),
    );
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
        perform: (wiring, options) =>
          repair(wiring, { plan, readPlan: planReader(context, wiring.store, name) }, options),
      },
    ];
  });
