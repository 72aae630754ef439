import { childSignal } from '../../child-signal.ts';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Machine } from '../../machine.ts';
import type { Plan } from '../../plan/plan.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import { createContexts } from '../contexts.ts';
import { createJournal } from '../journal.ts';
import { olderPlans } from '../older-plans.ts';
import type { Wiring } from '../operation.ts';
import type { Cancel } from '../perform/context.ts';
import { persist, targetOf } from '../perform/use-connection.ts';
import { openProviders } from '../providers.ts';
import type { PlanReader } from '../retired.ts';
import { readOnce, retiredPlans } from '../retired.ts';
import { silentLogs } from '../silent-logs.ts';
import { CONNECT_LIMIT, isDown, notThere, unanswered } from './out-of-reach.ts';

/** The machines of a deployment as somebody works with them, who records nothing. */
export interface Fleet extends AsyncDisposable {
  /**
   * Lends the machine's connection to work, which is begun at most once. Connecting is tried for a while, and the
   * machine's provider has a look, for one that serves its machines itself may have to begin again; no provider is
   * asked for a machine that answers. Rejects with what `work` does, `ConnectionError` or `LostError`.
   */
  use<T>(machine: Machine, cancel: FleetCancel, work: (connection: Connection) => Promise<T>): Promise<T>;
}

export interface FleetCancel extends Cancel {
  /** Milliseconds that reaching it may take; default: 30 s. */
  readonly connectWithin?: number;
}

export interface FleetRequest {
  /** The plan as the deployment keeps it. */
  readonly plan: Plan;
  readonly state: DeploymentState;
  readonly readPlan: PlanReader;
}

export async function openFleet(wiring: Wiring, { plan, state, readPlan }: FleetRequest): Promise<Fleet> {
  const { clock, store, connections } = wiring;
  const quiet: Wiring = { ...wiring, logs: silentLogs, showOutput: false, observe: () => undefined };
  const read = readOnce(readPlan);
  const providers = openProviders(quiet, plan, {
    olderPlans: await olderPlans(state, plan, read),
    places: state.scopes,
    state,
  });
  const contexts = createContexts({
    wiring: quiet,
    plan,
    retired: await retiredPlans(state, plan, read),
    journal: createJournal({ state, store, clock, onRecorded: () => undefined }),
    providers,
    leavesThings: false,
  });
  const opening = new Map<string, Promise<void>>();

  /** Rejects when there are no credentials, for example. */
  async function openProvider(name: string): Promise<void> {
    const open = opening.get(name) ?? providers.open([name]);
    opening.set(name, open);
    await open;
  }

  return {
    async use(machine, { signal, connectWithin = CONNECT_LIMIT }, work) {
      const { name, id, access, provider } = machine;
      if (id === null || access === null || isDown(machine)) throw notThere(machine);
      const context = contexts.of({ kind: 'verify', machine: name });
      const target = targetOf(machine, context);
      using connecting = childSignal(signal);
      let latest = unanswered(name, connectWithin);
      const begun = { is: false };
      const stop = clock.after(connectWithin, () => connecting.abort(latest));
      const options = { signal: connecting.signal };
      // That work was lost is no reason to begin it again.
      const begin = async (connection: Connection): Promise<() => Awaited<ReturnType<typeof work>>> => {
        stop();
        begun.is = true;
        try {
          const value = await work(connection);
          return () => value;
        } catch (error) {
          return () => {
            throw error;
          };
        }
      };
      try {
        try {
          return (await connections.use(target, options, begin))();
        } catch (error) {
          if (begun.is || !isWorthTrying(error)) throw error;
          latest = error;
        }
        await openProvider(provider).catch(() => Promise.reject(latest));
        const persistence = {
          ...options,
          connectWithin,
          onBroken: (error: ConnectionError) => (latest = error),
        };
        return (await persist(target, context, persistence, begin))();
      } catch (error) {
        signal.throwIfAborted();
        throw !begun.is && connecting.signal.aborted ? latest : error;
      } finally {
        stop();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opening.values());
      await providers.close();
    },
  };
}

/** One that was there before and lets nobody in, or shows another key, does so the next time too. */
function isWorthTrying(error: unknown): error is ConnectionError {
  return error instanceof ConnectionError && (error.problem === 'unreachable' || error.problem === 'lost');
}
