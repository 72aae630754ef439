import { openState } from '../api/open-state.ts';
import type { State } from '../api/state.ts';
import { UsageError } from '../errors.ts';
import type { Context } from './context.ts';

/** The state that a command means, for as long as it is used. */
export async function withState<T>(
  { io, flags }: Pick<Context, 'io' | 'flags'>,
  use: (state: State) => Promise<T>,
): Promise<T> {
  await using state = await openState({
    directory: flags.stateDir,
    cwd: io.cwd,
    environment: io.env,
    parallelism: flags.parallelism,
    lockTimeout: flags.lockTimeout,
    showOutput: flags.verbose,
    keepConnections: flags.keepConnections,
    onWarning: (message) => void io.stderr.write(`${message}\n`),
  });
  return await use(state);
}

/** The name that was given, as an argument or by `-d`. Throws `UsageError` when they differ. */
export function givenName({ flags }: Context, argument: string | undefined): string | undefined {
  if (argument !== undefined && flags.deployment !== undefined && argument !== flags.deployment)
    throw new UsageError(
      `Cannot choose a deployment: "${argument}" and "${flags.deployment}" are both given`,
      'Name one of them.',
    );
  return argument ?? flags.deployment;
}
