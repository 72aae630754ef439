import type { Command } from '../command-spec.ts';
import { print, printJson } from '../context.ts';
import { givenName, withState } from '../open-here.ts';
import { isSelecting, selectorOf } from '../selection.ts';

export const sshConfigCommand: Command = (context) =>
  withState(context, async (state) => {
    const { args, flags } = context;
    const deployment = await state.deployment(givenName(context, undefined));
    const selector = isSelecting(context, args) ? selectorOf(context, args) : '*';
    const { text, knownHosts, machines } = await deployment.sshConfig(selector);
    if (flags.json) printJson(context, { format: 1, deployment: deployment.name, knownHosts, machines });
    else if (text !== '') print(context, text.trimEnd());
    return 0;
  });
