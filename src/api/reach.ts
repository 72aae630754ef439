import { instanceOf } from '../colocation.ts';
import type { Connection } from '../connection/connection.ts';
import { ConnectionError } from '../connection/connection.ts';
import type { Fleet } from '../engine/fleet/fleet.ts';
import { plainFleet } from '../engine/fleet/plain-fleet.ts';
import { LostError } from '../engine/perform/lost-error.ts';
import { OperationError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeploymentState } from '../state/deployment-state.ts';
import type { Store } from '../state/store.ts';
import { loadDeployment, openForReading } from './deployments.ts';
import type { InputSource } from './given-inputs.ts';
import { planOf } from './given-inputs.ts';
import type { Session } from './session.ts';
import { openWiring } from './wiring.ts';

/** The machines of a deployment within reach; connections are opened when they are needed. */
export interface Reach extends AsyncDisposable {
  /** The deployment as it was when this was opened. */
  readonly state: DeploymentState;
  /**
   * Its plan as it is kept, with the inputs that its providers need; null: none is recorded yet. It is read when it is
   * first asked for, or needed to reach a machine. Rejects with `UsageError`.
   */
  plan(): Promise<Plan | null>;
  /** Lends connections as `use` does, and rejects with what the connection does. It is closed with this. */
  readonly fleet: Fleet;
  /** Closes the connection of a machine once nobody works with it. */
  release(machine: Machine): void;
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

/** Reads a deployment. Throws `UsageError`. */
export async function openReach(session: Session, name: string, inputs: InputSource): Promise<Reach> {
  const store = await openForReading(session.directory);
  try {
    return reachFrom(session, store, await loadDeployment(store, name), inputs);
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

function reachFrom(session: Session, store: Store, state: DeploymentState, inputs: InputSource): Reach {
  const wiring = openWiring(session, { store, observe: () => undefined });
  let reading: Promise<Plan | null> | undefined;

  async function read(): Promise<Plan | null> {
    if (state.plan === null) return null;
    const { providersUsed, readRecordedPlan } = await import('./recorded-plan.ts');
    const needed = { inputs, need: 'none', providers: providersUsed(state) } as const;
    return planOf({ ...(await readRecordedPlan(store, state, state.plan, needed)), warnings: [] });
  }

  function readPlan(): Promise<Plan | null> {
    return (reading ??= read());
  }

  async function open(): Promise<Fleet> {
    const plan = await readPlan();
    // Of a deployment that has no plan yet no machine can be there.
    if (plan === null) throw new OperationError(`Cannot reach machines of "${state.name}": it has no plan`);
    const [{ openFleet }, { planReader }] = await Promise.all([
      import('../engine/fleet/fleet.ts'),
      import('./recorded-plan.ts'),
    ]);
    return await openFleet(wiring, { plan, state, readPlan: planReader(store, state.name, inputs) });
  }

  const fleet = plainFleet(wiring, open);
  return {
    state,
    plan: readPlan,
    fleet,
    release({ id }) {
      if (id !== null) wiring.connections.release(instanceOf(id));
    },
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
