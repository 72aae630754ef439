import type { DeploymentState } from '../state/deployment-state.ts';
import type { StatusDocument } from '../state/status.ts';
import type { RecordedFact } from '../state/store.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { EventsOptions } from './events.ts';
import type { InputOptions } from './given-inputs.ts';
import type { LogFile, LogOptions, LogPiece, LogSelection } from './logs.ts';
import type { Finding } from './look.ts';
import type { MachinesOptions, RunningMachine } from './machines.ts';
import type { Operation, OperationOptions, OperationResult, OperationTools } from './operation.ts';
import type { OutputOptions, Outputs } from './outputs.ts';
import type { DownOptions, DownTarget } from './perform-down.ts';
import type { ScaleChange, ScaleOptions } from './perform-scale.ts';
import type { StopOptions, TendOptions, TendResult, TendVerb } from './perform-tend.ts';
import type { LivePlan } from './recorded-plan.ts';
import type { Selector } from './select.ts';
import type { Session } from './session.ts';
import type { StatusOptions } from './status.ts';
import { isBroken, readStatus } from './status.ts';
import type { Work } from './work.ts';

/**
 * A recorded deployment, known by its name. Every method looks at what is recorded when it is called; all reject with
 * `UsageError` when nothing is any more, and with `StateError` when the state cannot be read.
 */
export interface Deployment {
  readonly name: string;
  /** All that is recorded of it. */
  state(): Promise<DeploymentState>;
  /** Levels, services and machines as status shows them, with absolute paths. */
  status(options?: StatusOptions): Promise<StatusDocument>;
  /** True when its operation is recorded as under way and the process of that is gone. */
  isBroken(): Promise<boolean>;
  /** Attributes and outputs of machines. */
  outputs(options?: OutputOptions): Promise<Outputs>;
  /** Its recorded history, oldest first. */
  events(options?: EventsOptions): AsyncIterable<RecordedFact>;
  /** The logs that there are of a machine's scripts, in the order in which they ran. */
  logFiles(machine: string, options?: LogSelection): Promise<readonly LogFile[]>;
  /** What the scripts of a machine printed, masked, in the order in which they ran. */
  logs(machine: string, options?: LogOptions): AsyncIterable<LogPiece>;
  /** The machines that are selected and running, in the order of the plan, to work on. Default: all that are running. */
  machines(selector?: Selector, options?: MachinesOptions): AsyncIterable<RunningMachine>;
  /** Runs teardown scripts and terminates all machines, levels in reverse order, whatever fails on the way. */
  down(options?: DownOptions & OperationOptions): Operation<OperationResult>;
  /** Reads what a `down` needs, and touches nothing. */
  prepareDown(options?: DownOptions): Promise<Prepared<OperationResult>>;
  /** Looks at every machine, level by level, and heals by the least that works what does not verify. */
  repair(options?: InputOptions & OperationOptions): Operation<OperationResult>;
  /** Reads what a `repair` needs, and touches nothing. */
  prepareRepair(options?: InputOptions): Promise<Prepared<OperationResult>>;
  /**
   * Starts machines that are off, levels in order, and sees that they are ready again; bootstraps only where that was
   * never done or a stop has torn it down.
   */
  start(selector: Selector, options?: TendOptions & OperationOptions): Operation<TendResult>;
  /** Stops machines and keeps their disks, levels in reverse order; goes on whatever fails. */
  stop(selector: Selector, options?: StopOptions & OperationOptions): Operation<TendResult>;
  /** Reboots machines, levels in order, and sees that they are ready again. One that is off is started. */
  reboot(selector: Selector, options?: TendOptions & OperationOptions): Operation<TendResult>;
  /** Gives machines another instance each under the same name, and those that depend on them what that changes. */
  replace(selector: Selector, options?: TendOptions & OperationOptions): Operation<TendResult>;
  /** Brings services to other numbers of machines than the plan says; that holds until the plan says the same. */
  scale(
    changes: readonly ScaleChange[],
    options?: ScaleOptions & OperationOptions,
  ): Operation<OperationResult>;
  /** Asks providers, connects and verifies everywhere, and changes and records nothing. Has no events. */
  verify(options?: InputOptions & OperationOptions): Operation<readonly Finding[]>;
}

/** An operation that can begin: what is wrong with its plan and inputs was told by then. */
export interface Prepared<R> {
  /** The deployment as it was when the operation was prepared. */
  readonly state: DeploymentState;
  start(options?: OperationOptions): Operation<R>;
}

export function createDeployment(session: Session, work: Work, name: string): Deployment {
  return {
    name,
    state: () => withStore(session.directory, (store) => loadDeployment(store, name)),
    status: (options = {}) => readStatus(session, name, { ...options, signal: work.signal(options) }),
    isBroken: () =>
      withStore(session.directory, async (store) => isBroken(store, await loadDeployment(store, name))),
    async outputs(options = {}) {
      const { outputsOf } = await import('./outputs.ts');
      const state = await withStore(session.directory, (store) => loadDeployment(store, name));
      return outputsOf(state, options);
    },
    async *events(options = {}) {
      const { readEvents } = await import('./events.ts');
      yield* readEvents(session, name, { ...options, signal: work.signal(options) });
    },
    async logFiles(machine, options = {}) {
      const { readLogFiles } = await import('./logs.ts');
      return await readLogFiles(session, name, machine, options);
    },
    async *logs(machine, options = {}) {
      const { readLogs } = await import('./logs.ts');
      yield* readLogs(session, name, machine, { ...options, signal: work.signal(options) });
    },
    async *machines(selector = '*', options = {}) {
      const { iterateMachines } = await import('./machines.ts');
      yield* iterateMachines(session, name, selector, { ...options, signal: work.signal(options) });
    },
    down: (options = {}) => work.start(async (tools) => runDown(await aimDown(options), tools), options),
    async prepareDown(options = {}) {
      const target = await aimDown(options);
      return prepared(target.state, (tools) => runDown(target, tools));
    },
    repair: (options = {}) => work.start(async (tools) => runRepair(await live(options), tools), options),
    async prepareRepair(options = {}) {
      const target = await live(options);
      return prepared(target.state, (tools) => runRepair(target, tools));
    },
    start: (selector, options = {}) => tend('start', selector, options),
    stop: (selector, options = {}) => tend('stop', selector, options),
    reboot: (selector, options = {}) => tend('reboot', selector, options),
    replace: (selector, options = {}) => tend('replace', selector, options),
    scale: (changes, options = {}) =>
      work.start(async (tools) => {
        const { performScale } = await import('./perform-scale.ts');
        return await performScale(session, await live(options), changes, options, tools);
      }, options),
    verify: (options = {}) =>
      work.start(async ({ signal }) => {
        const { look } = await import('./look.ts');
        const target = await live(options);
        return await withStore(session.directory, (store) =>
          look(session, store, target, { limit: Infinity, signal }),
        );
      }, options),
  };

  function prepared<R>(state: DeploymentState, run: (tools: OperationTools) => Promise<R>): Prepared<R> {
    return { state, start: (options = {}) => work.start(run, options) };
  }

  function tend(
    verb: TendVerb,
    selector: Selector,
    options: StopOptions & OperationOptions,
  ): Operation<TendResult> {
    return work.start(async (tools) => {
      const { performTend } = await import('./perform-tend.ts');
      const need = verb !== 'stop' ? 'all' : options.teardown === true ? 'teardown' : 'none';
      return await performTend(session, verb, await live(options, need), selector, options, tools);
    }, options);
  }

  async function aimDown(options: DownOptions): Promise<DownTarget> {
    const { downTarget } = await import('./perform-down.ts');
    return await withStore(session.directory, async (store) =>
      downTarget(session, store, await loadDeployment(store, name), options),
    );
  }

  async function runDown(target: DownTarget, tools: OperationTools): Promise<OperationResult> {
    const { performDown } = await import('./perform-down.ts');
    return await performDown(session, target, tools);
  }

  async function live(options: InputOptions, need?: 'all' | 'teardown' | 'none'): Promise<LivePlan> {
    const { livePlan } = await import('./recorded-plan.ts');
    return await withStore(session.directory, (store) => livePlan(session, store, name, options, need));
  }

  async function runRepair(target: LivePlan, tools: OperationTools): Promise<OperationResult> {
    const { performRepair } = await import('./perform-repair.ts');
    return await performRepair(session, target, tools);
  }
}
