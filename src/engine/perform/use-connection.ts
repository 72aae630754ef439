import { instanceOf } from '../../colocation.ts';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Target } from '../../connection/connection-pool.ts';
import type { Machine } from '../../machine.ts';
import type { Observation } from '../../providers/provider.ts';
import { isOver } from '../expiry-time.ts';
import type { Cancel, PerformContext } from './context.ts';
import { LostError } from './lost-error.ts';
import { passwordOf } from './password.ts';
import { seenText } from './seen-text.ts';

/** First pause before a machine is tried again, and the longest, in milliseconds. */
const PAUSE = { first: 100, longest: 2_000 };
/** Milliseconds between two looks of the provider at a machine that stays out of reach. */
const LOOK_EVERY = 5_000;

export function targetOf(
  machine: Machine,
  context: PerformContext,
  onHostKey?: (hostKey: string) => void,
): Target {
  const { id, access } = machine;
  if (id === null || access === null)
    throw new Error(`Machine "${machine.name}" cannot be reached yet. This is a bug in plan.`);
  const password = access.kind === 'ssh' ? passwordOf(machine, context) : {};
  return { key: instanceOf(id), access, ...password, ...(onHostKey === undefined ? {} : { onHostKey }) };
}

export interface Persistence {
  readonly signal: AbortSignal;
  /** Told each time the connection could not be opened or broke, before the next try. */
  onBroken?(error: ConnectionError): void;
  /** Milliseconds without a connection after which trying ends; default: never. */
  readonly connectWithin?: number;
}

/**
 * Does work over the machine's connection, opened again as often as it breaks or cannot be opened, until the signal
 * aborts. `work` begins anew each time. Rejects with the `ConnectionError` when trying again changes nothing, with
 * `LostError` when the provider says that the machine is gone.
 */
export async function persist<T>(
  target: Target,
  context: PerformContext,
  { signal, onBroken, connectWithin = Infinity }: Persistence,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { clock, connections } = context.wiring;
  let pause = PAUSE.first;
  let tries = 0;
  const last = { seen: clock.now(), looked: -Infinity, isOpen: false };
  for (;;) {
    try {
      return await connections.use(target, { signal }, (connection) => {
        last.isOpen = true;
        return work(connection);
      });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (error.problem === 'host-key' || error.problem === 'failed') throw error;
      if (error.problem === 'authentication' && wasThere(target.key, context)) throw error;
      if (last.isOpen) last.seen = clock.now();
      last.isOpen = false;
      if (clock.now() - last.seen >= connectWithin) throw error;
      onBroken?.(error);
      if (clock.now() - last.looked >= LOOK_EVERY) {
        last.looked = clock.now();
        const seen = await haveLookedAt(target.key, context, { signal });
        if (seen !== null && isGone(seen, context)) {
          const { instances, machines } = context.journal.state;
          const machine = machines.get(instances.get(target.key)?.machine ?? '');
          throw new LostError(seenText(seen, machine, context));
        }
      }
      await clock.sleep(pause * (1 - spread(target.key, (tries += 1)) / 2), { signal });
      pause = Math.min(pause * 2, PAUSE.longest);
    }
  }
}

/** What the provider does not know any more has ended by itself where the time of the deployment is over. */
function isGone({ state }: Observation, { journal, wiring }: PerformContext): boolean {
  if (state === 'unknown') return isOver(journal.state, wiring.clock.now());
  return state === 'terminating' || state === 'terminated';
}

/** True for a machine that was there before: one that is new may let nobody in before it has booted to the end. */
function wasThere(id: string, { journal, provider }: PerformContext): boolean {
  const instance = journal.state.instances.get(id);
  return instance !== undefined && provider(instance.provider).keepsMachines;
}

/** From 0 to 1, another one for each machine and try, so that those that failed together do not come back together. */
function spread(key: string, tries: number): number {
  let hash = 2_166_136_261 ^ tries;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 16_777_619);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/**
 * Has the provider look at a machine that cannot be reached, since one that serves its machines itself may have to
 * begin again. Machines that are out of reach at the same time share a look.
 */
export async function haveLookedAt(
  id: string,
  context: PerformContext,
  { signal }: Cancel,
): Promise<Observation | null> {
  const provider = context.journal.state.instances.get(id)?.provider;
  // The machine that another one shares is gone for good, and nobody can be asked about it.
  if (provider === undefined)
    return { id, state: 'terminated', reason: null, addresses: null, access: null, batch: null };
  const end = await context.watch(provider).wait(id, { until: () => true, timeout: 0, signal });
  return end.kind === 'seen' ? end.observation : end.last;
}
