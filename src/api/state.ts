import type { StatusDocument } from '../state/status.ts';
import type { DeploymentSummary, LockHolder } from '../state/store.ts';
import type { Deployment } from './deployment.ts';
import { createDeployment } from './create-deployment.ts';
import { chooseDeployment, listDeployments, withStore } from './deployments.ts';
import type { ImportOptions, ImportSummary } from './import.ts';
import type { GcRequest, GcSurvey } from './gc.ts';
import type { Operation, OperationOptions, OperationResult } from './operation.ts';
import type { Planned, PlanRequest } from './planned.ts';
import type { UpOptions } from './perform-up.ts';
import type { Session } from './session.ts';
import { statusOf } from './status.ts';
import type { UnlockOptions } from './unlock.ts';
import type { Validation } from './validate.ts';
import { createWork } from './work.ts';

/**
 * A state directory: deployments, and what can be done with them. It need not exist before the first `up` makes it.
 * Nothing is kept open between calls. Disposing of it cancels the operations and iterations that go on, and waits for
 * the operations.
 */
export interface State extends AsyncDisposable {
  /** The state directory, absolute. */
  readonly directory: string;
  /** The newest deployment of every name, by name. */
  deployments(): Promise<readonly DeploymentSummary[]>;
  /** The status of each of these. */
  statuses(): Promise<readonly StatusDocument[]>;
  /**
   * The deployment of this name; without a name the only one that is not terminated, or else the only one that is
   * recorded. Rejects with `UsageError`. With `timeout` (milliseconds) it waits for one of this name to be recorded.
   */
  deployment(name?: string, options?: AppearOptions): Promise<Deployment>;
  /**
   * Reads a plan file and says what `up` would do; touches nothing. Rejects with `PlanProblems` when the plan cannot be
   * used, with `UsageError` when it is not one for this deployment.
   */
  plan(path: string, request?: PlanRequest): Promise<Planned>;
  /** All problems of a plan, without values of inputs; touches nothing. */
  validate(path: string): Promise<Validation>;
  /**
   * Brings a deployment to what its plan says: one that was read by `plan`, or the path of one, whose warnings come as
   * events before the others.
   */
  up(plan: Planned, options?: UpOptions & OperationOptions): Operation<OperationResult>;
  up(plan: string, options?: UpOptions & PlanRequest & OperationOptions): Operation<OperationResult>;
  /** The deployments whose time is over and that are not down. */
  expired(): Promise<readonly DeploymentSummary[]>;
  /** Asks providers for what this tool made and no deployment accounts for. The survey is to be disposed of. */
  gc(request?: GcRequest): Promise<GcSurvey>;
  /**
   * Records a deployment that `exportTo` wrote, all of it or nothing. Rejects with `UsageError` for a file or a passphrase
   * that will not do, and when it, or a live deployment of its name, is recorded here.
   */
  importFrom(file: string, options: ImportOptions): Promise<ImportSummary>;
  /** Who has the lock of a deployment, or left it behind; null: nobody. */
  lockHolder(name: string): Promise<LockHolder | null>;
  /**
   * Takes the lock of a deployment away from a holder that is gone, and answers who it was; null: nobody had it.
   * Rejects with `LockedError` when it is alive on this host.
   */
  unlock(name: string, options?: UnlockOptions): Promise<LockHolder | null>;
}

export interface AppearOptions {
  /** Milliseconds for which a deployment of that name may take to be recorded. Default: 0. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export function createState(session: Session): State {
  const { directory } = session;
  const work = createWork();
  return {
    directory,
    deployments: () => withStore(directory, listDeployments),
    statuses: () =>
      withStore(directory, async (store) => {
        const found: StatusDocument[] = [];
        for (const { name } of await listDeployments(store)) {
          const state = await store.load(name);
          if (state !== null) found.push(statusOf(state, session));
        }
        return found;
      }),
    async deployment(name, { timeout = 0, signal } = {}) {
      if (name !== undefined && timeout > 0) {
        const { untilRecorded } = await import('./wait-recorded.ts');
        await untilRecorded(directory, name, { timeout, signal: work.signal({ signal }) });
      }
      return await withStore(directory, async (store) =>
        createDeployment(session, work, await chooseDeployment(store, name)),
      );
    },
    plan: readPlanned,
    async validate(path) {
      const { validatePlan } = await import('./validate.ts');
      return validatePlan(session, path);
    },
    up: (plan: Planned | string, options: UpOptions & PlanRequest & OperationOptions = {}) =>
      work.start(async (tools) => {
        const planned = typeof plan === 'string' ? await readPlanned(plan, options) : plan;
        const { performUp, tellWarnings } = await import('./perform-up.ts');
        if (typeof plan === 'string') tellWarnings(planned, tools);
        return await performUp(session, planned, options, tools);
      }, options),
    async expired() {
      const { listExpired } = await import('./expired.ts');
      return await withStore(directory, listExpired);
    },
    async gc(request = {}) {
      const { surveyOrphans } = await import('./gc.ts');
      return await surveyOrphans(session, { ...request, signal: work.signal(request) });
    },
    async importFrom(file, options) {
      const { importFrom } = await import('./import.ts');
      return await importFrom(session, file, { ...options, signal: work.signal(options) });
    },
    async lockHolder(name) {
      const { readLockHolder } = await import('./unlock.ts');
      return await readLockHolder(session, name);
    },
    async unlock(name, options = {}) {
      const { unlockDeployment } = await import('./unlock.ts');
      return await unlockDeployment(session, name, options);
    },
    [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
  };

  async function readPlanned(path: string, request: PlanRequest = {}): Promise<Planned> {
    const planned = await import('./planned.ts');
    return await planned.readPlanned(session, path, request);
  }
}
