import type { Cancel, PowerAnswer } from '../provider.ts';
import type { Ec2Api, Ec2Error } from './api.ts';
import { askForEach } from './each-id.ts';
import { NO_SUCH_INSTANCE } from './errors.ts';

/** Nothing that asking again would change. */
const REFUSALS = new Set([
  ...NO_SUCH_INSTANCE,
  'IncorrectInstanceState',
  'OperationNotPermitted',
  'UnsupportedOperation',
]);

/**
 * Sees that a machine that shuts itself down is gone for good, or, without an end, is off as any other would be. When
 * it does is up to a timer on the machine.
 */
export async function expire(
  api: Ec2Api,
  ids: readonly string[],
  expiresAt: number | null,
  cancel: Cancel,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const behavior = expiresAt === null ? 'stop' : 'terminate';
  const judge = ({ code, message }: Ec2Error): string | undefined =>
    REFUSALS.has(code) ? message : undefined;
  const answers = await Promise.all(
    ids.map(async (id): Promise<readonly [string, PowerAnswer]> => {
      const ask = (): Promise<void> => api.setShutdownBehavior(id, behavior, cancel);
      const why = (await askForEach([id], 1, ask, judge, cancel)).refused.get(id);
      // A one-time spot machine cannot be off: it ends with every shutdown, and keeps doing that.
      const isFine = why === undefined || behavior === 'stop';
      return [id, isFine ? { kind: 'accepted' } : { kind: 'cannot', why }];
    }),
  );
  return new Map(answers);
}
