import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { GLOBAL_FLAGS } from '../global-flags.ts';
import { commandHelp, programHelp } from '../help.ts';

export const helpCommand: Command = ({ io, commands, groups, args: [name] }) => {
  const spec = commands.find((command) => command.name === name && command.hidden !== true);
  if (name !== undefined && spec === undefined)
    throw new UsageError(
      `Cannot help with "${name}": it is not a command`,
      'Run "plan help" to see what there is.',
    );
  io.stdout.write(spec === undefined ? programHelp(groups, GLOBAL_FLAGS) : commandHelp(spec, GLOBAL_FLAGS));
  return Promise.resolve(0);
};
