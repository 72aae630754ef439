import type { Connection } from '../connection/connection.ts';
import { ConnectionError } from '../connection/connection.ts';
import { createContexts } from '../engine/contexts.ts';
import { createJournal } from '../engine/journal.ts';
import { olderPlans } from '../engine/older-plans.ts';
import { LostError, persist, targetOf } from '../engine/perform/use-connection.ts';
import { openProviders } from '../engine/providers.ts';
import { readOnce, retiredPlans } from '../engine/retired.ts';
import { OperationError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { InputSource } from './given-inputs.ts';
import { planOf } from './given-inputs.ts';
import { planReader, providersUsed, readRecordedPlan } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { openWiring, orOperationError } from './wiring.ts';

/** The machines of a deployment within reach; connections are opened when they are needed. */
export interface Reach extends AsyncDisposable {
  /** The deployment as it was when this was opened. */
  readonly state: DeploymentState;
  /**
   * Lends the connection of a machine to work that is begun once. Rejects with `OperationError` when there is none
   * within that time, or when it breaks.
   */
  use<T>(
    machine: Machine,
    options: { readonly signal: AbortSignal; readonly connectTimeout: number },
    work: (connection: Connection) => Promise<T>,
  ): Promise<T>;
}

/** Reads a deployment and its plan as it is kept, with the inputs that its providers need. Throws `UsageError`. */
export async function openReach(session: Session, name: string, inputs: InputSource): Promise<Reach> {
  const store = await openForReading(session.directory);
  try {
    return await orOperationError(() => reachFrom(session, store, name, inputs));
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function reachFrom(session: Session, store: Store, name: string, inputs: InputSource): Promise<Reach> {
  const state = await loadDeployment(store, name);
  if (state.plan === null) return unreachable(state, store);
  const needed = { inputs, need: 'none', providers: providersUsed(state) } as const;
  const plan = planOf({ ...(await readRecordedPlan(store, state, state.plan, needed)), warnings: [] });
  const read = readOnce(planReader(store, name, inputs));
  const wiring = openWiring(session, { store, observe: () => undefined });
  const journal = createJournal({ state, store, clock: wiring.clock, onRecorded: () => undefined });
  const older = await olderPlans(state, plan, read);
  const providers = openProviders(wiring, plan, { olderPlans: older, places: state.scopes, state });
  const retired = await retiredPlans(state, plan, read);
  const contexts = createContexts({ wiring, plan, retired, journal, providers, leavesThings: false });
  try {
    await providers.open(new Set([...state.instances.values()].map(({ provider }) => provider)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    state,
    async use(machine, { signal, connectTimeout }, work) {
      const context = contexts.of({ kind: 'verify', machine: machine.name });
      const limits = { signal, connectWithin: connectTimeout };
      try {
        // What fails once it has begun is not begun again, as it would be if it rejected here.
        const [end] = await persist(targetOf(machine, context), context, limits, (connection) =>
          Promise.allSettled([work(connection)]),
        );
        if (end.status === 'rejected') throw end.reason;
        return end.value;
      } catch (error) {
        throw explained(machine.name, error);
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      await store[Symbol.asyncDispose]();
    },
  };

  async function close(): Promise<void> {
    await wiring[Symbol.asyncDispose]();
    await providers.close();
  }
}

/** Of a deployment that has no plan yet no machine can be there. */
function unreachable(state: DeploymentState, store: Store): Reach {
  return {
    state,
    use: ({ name }) => Promise.reject(new OperationError(`Cannot reach machine "${name}": it is not there`)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function explained(machine: string, error: unknown): unknown {
  if (error instanceof ConnectionError || error instanceof LostError)
    return new OperationError(`Cannot reach machine "${machine}": ${error.message}`);
  return error;
}
