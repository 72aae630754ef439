import type { Connection } from '../connection/connection.ts';
import { ConnectionError } from '../connection/connection.ts';
import type { Fleet } from '../engine/fleet/fleet.ts';
import { openFleet } from '../engine/fleet/fleet.ts';
import { LostError } from '../engine/perform/use-connection.ts';
import { OperationError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { InputSource } from './given-inputs.ts';
import { planOf } from './given-inputs.ts';
import { planReader, providersUsed, readRecordedPlan } from './recorded-plan.ts';
import type { Session } from './session.ts';
import { openWiring } from './wiring.ts';

/** The machines of a deployment within reach; connections are opened when they are needed. */
export interface Reach extends AsyncDisposable {
  /** The deployment as it was when this was opened. */
  readonly state: DeploymentState;
  /** Its plan as it is kept; null: none is recorded yet. */
  readonly plan: Plan | null;
  /** Lends connections as `use` does, and rejects with what the connection does. It is closed with this. */
  readonly fleet: Fleet;
  /**
   * Lends the connection of a machine to work that is begun at most once. Rejects with `OperationError` when there is
   * none within that time, or when it breaks.
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
    return await reachFrom(session, store, name, inputs);
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
  const wiring = openWiring(session, { store, observe: () => undefined });
  const fleet = await openFleet(wiring, { plan, state, readPlan: planReader(store, name, inputs) });
  return {
    state,
    plan,
    fleet,
    async use(machine, { signal, connectTimeout: connectWithin }, work) {
      try {
        return await fleet.use(machine, { signal, connectWithin }, work);
      } catch (error) {
        if (error instanceof ConnectionError || error instanceof LostError)
          throw new OperationError(`Cannot work on machine "${machine.name}": ${error.message}`);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await wiring[Symbol.asyncDispose]();
      await fleet[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Of a deployment that has no plan yet no machine can be there. */
function unreachable(state: DeploymentState, store: Store): Reach {
  const words = (name: string): string => `Cannot work on machine "${name}": it is not there`;
  return {
    state,
    plan: null,
    fleet: {
      use: ({ name }) => Promise.reject(new ConnectionError('unreachable', words(name))),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    use: ({ name }) => Promise.reject(new OperationError(words(name))),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
