import type { LockHolder } from '../../api/unlock.ts';
import { describeLease, describeMoment, requireBreakable } from '../../api/unlock.ts';
import type { Command } from '../command-spec.ts';
import { confirm } from '../confirm.ts';
import { printJson, tell } from '../context.ts';
import { exitCodeOf } from '../io.ts';
import { givenName, withState } from '../open-here.ts';
import { isAbort, watchStop } from '../stopping.ts';

export const unlockCommand: Command = (context) =>
  withState(context, async (state) => {
    const name = givenName(context, context.args[0]) ?? '';
    const holder = await state.lockHolder(name);
    if (holder === null) {
      if (context.flags.json) printJson(context, document(name, null));
      else tell(context, `"${name}" is not locked: there is nothing to do.`);
      return 0;
    }
    const { presence, lease } = requireBreakable(name, holder);
    const since = describeMoment(lease.since, Date.now());
    const who = `${describeLease(lease)} since ${since}, on "${lease.host}"`;
    using stopping = watchStop(context.io);
    const victims =
      lease.operation === 'move'
        ? `${lease.owner} moved "${name}" away at ${since}, by the export "${lease.host}": make sure that nobody works on it elsewhere.`
        : `The lock of "${name}" belongs to ${who}: ${PRESENCE[presence]}`;
    try {
      await confirm(context, { victims, question: 'Break it?' }, stopping);
    } catch (error) {
      if (stopping.received === null || !isAbort(error, stopping.signal)) throw error;
      tell(context, 'Interrupted: nothing was touched.');
      return exitCodeOf(stopping.received);
    }
    await state.unlock(name, { nonce: lease.nonce });
    if (context.flags.json) printJson(context, document(name, holder));
    else tell(context, `"${name}" is unlocked. It was locked by ${who}.`);
    return 0;
  });

const PRESENCE = {
  gone: 'its process is gone.',
  elsewhere: 'make sure that it does not run there any more.',
} as const satisfies Record<Exclude<LockHolder['presence'], 'alive'>, string>;

/** `{ format, deployment, unlocked, holder: { operation, owner, host, pid, since } | null }`. */
function document(deployment: string, holder: LockHolder | null): object {
  const lease = holder?.lease;
  if (lease == null) return { format: 1, deployment, unlocked: false, holder: null };
  const { operation, owner, host, pid, since } = lease;
  const was = { operation, owner, host, pid, since: new Date(since).toISOString() };
  return { format: 1, deployment, unlocked: true, holder: was };
}
