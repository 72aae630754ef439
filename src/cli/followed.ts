import type { Deployment } from '../api/deployment.ts';
import type { Context } from './context.ts';
import { tell } from './context.ts';
import { isAbort, untilStopped } from './stopping.ts';
import { UNREAD, watchUnread } from './unread.ts';

/**
 * Prints what follows a deployment, and says so where it ended because the operation broke off. Answers the exit code:
 * that of the signal that ended it, 141 when nobody reads stdout any more, else 0.
 */
export async function followed(
  context: Context,
  deployment: Deployment,
  print: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  using unread = watchUnread(context.io.stdout);
  return await untilStopped(context.io, async (signal) => {
    try {
      await print(AbortSignal.any([signal, unread.signal]));
    } catch (error) {
      if (!isAbort(error, unread.signal)) throw error;
    }
    if (unread.signal.aborted) return UNREAD;
    if (context.options.flag('follow') && (await deployment.isBroken())) {
      const { operation } = await deployment.state();
      if (operation !== null)
        tell(context, `The ${operation.kind} by ${operation.owner} broke off: its process is gone.`);
    }
    return 0;
  });
}
