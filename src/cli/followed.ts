import type { Deployment } from '../api/deployment.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { untilStopped } from './stopping.ts';

/**
 * Prints what follows a deployment, and says so where it ended because the operation broke off. Answers the exit code:
 * that of the signal that ended it, else 0.
 */
export function followed(
  context: Context,
  deployment: Deployment,
  print: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  return untilStopped(context.io, async (signal) => {
    await print(signal);
    if (context.options.flag('follow') && (await deployment.isBroken())) {
      const { operation } = await deployment.state();
      if (operation !== null)
        tell(context, `The ${operation.kind} by ${operation.owner} broke off: its process is gone.`);
    }
    return 0;
  });
}
