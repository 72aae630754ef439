import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import { COMPLETION_SCRIPTS } from '../completion-scripts.ts';

export const completionCommand: Command = ({ io, args: [shell = ''] }) => {
  const script = COMPLETION_SCRIPTS.get(shell);
  if (script === undefined)
    throw new UsageError(
      `Cannot complete in "${shell}": it is not one of ${[...COMPLETION_SCRIPTS.keys()].join(', ')}`,
    );
  io.stdout.write(script);
  return Promise.resolve(0);
};
