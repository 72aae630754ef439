import type { Command } from '../command-spec.ts';
import { printJson, tell } from '../context.ts';
import { givenName, withState } from '../open-here.ts';
import { untilStopped } from '../stopping.ts';

/** Exit code 0 when what was under way has ended, else 1. */
export const cancelCommand: Command = (context) =>
  withState(context, (opened) =>
    untilStopped(context.io, async (signal) => {
      const deployment = await opened.deployment(givenName(context, context.args[0]));
      const { lease, hasEnded } = await deployment.cancel({ signal });
      const { operation, owner, pid } = lease;
      if (context.flags.json)
        printJson(context, {
          format: 1,
          deployment: deployment.name,
          operation,
          owner,
          pid,
          ended: hasEnded,
        });
      else if (!hasEnded)
        tell(
          context,
          `The ${operation} by ${owner} (process ${pid}) was asked to end, and has not ended yet.`,
        );
      else if (!context.flags.quiet)
        tell(
          context,
          `The ${operation} by ${owner} (process ${pid}) has ended: what was done so far is recorded.`,
        );
      return hasEnded ? 0 : 1;
    }),
  );
