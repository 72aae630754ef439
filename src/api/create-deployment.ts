import type { DeploymentState } from '../state/deployment-state.ts';
import { loadDeployment, withStore } from './deployments.ts';
import type { FleetEvent, FleetResult } from './fleet-work.ts';
import type { Forward, ForwardOptions, ForwardTarget } from './forward.ts';
import type { InputOptions } from './given-inputs.ts';
import type { Operation, OperationOptions, OperationResult, OperationTools } from './operation.ts';
import type { CopyEnd, CopyOptions, CopyTask } from './perform-copy.ts';
import type { DownOptions, DownTarget } from './perform-down.ts';
import type { ScaleChange, ScaleOptions, ScaleTarget } from './perform-scale.ts';
import type { ReplaceOptions, StopOptions, TendResult, TendTarget, TendVerb } from './perform-tend.ts';
import type { LivePlan } from './recorded-plan.ts';
import type { Selector } from './select.ts';
import type { Session } from './session.ts';
import { isBroken, readStatus } from './status.ts';
import type { Work } from './work.ts';
import type { Attachment } from './attach.ts';
import type { Deployment, Prepared, PreparedTend } from './deployment.ts';

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
    async shell(machine, options = {}) {
      const { beginShell } = await import('./shell.ts');
      return await beginShell(session, name, machine, { ...options, signal: work.signal(options) });
    },
    async sshCommand(machine, options = {}) {
      const { composeSshCommand } = await import('./ssh.ts');
      return await composeSshCommand(session, name, machine, { ...options, signal: work.signal(options) });
    },
    async sshConfig(selector = '*') {
      const { composeSshConfig } = await import('./ssh.ts');
      return await composeSshConfig(session, name, selector);
    },
    async forward(machine, target, options = {}) {
      const [forward] = await forwards(machine, [target], options);
      // There is one for each target.
      return forward as Forward;
    },
    forwards: (machine, targets, options = {}) => forwards(machine, targets, options),
    exec: (selector, command, options = {}) =>
      work.start(async (tools) => {
        const { performExec } = await import('./perform-exec.ts');
        return await performExec(session, name, selector, command, options, tools);
      }, options),
    copyTo: (selector, sources, destination, options = {}) =>
      copy(selector, { direction: 'to', sources, destination }, options),
    copyFrom: (selector, sources, destination, options = {}) =>
      copy(selector, { direction: 'from', sources, destination }, options),
    down: (options = {}) => work.start(async (tools) => runDown(await aimDown(options), tools), options),
    async prepareDown(options = {}) {
      const target = await aimDown(options);
      return prepared(target.state, (tools) => runDown(target, tools));
    },
    async departures(options = {}) {
      const { departuresOf } = await import('./perform-down.ts');
      return departuresOf(await aimDown({ ...options, forceProtected: true }));
    },
    extend: (extension, options = {}) =>
      work.start(async (tools) => {
        const { performExtend } = await import('./perform-extend.ts');
        return await performExtend(session, await live(options, 'none'), extension, tools);
      }, options),
    repair: (options = {}) => work.start(async (tools) => runRepair(await live(options), tools), options),
    async prepareRepair(options = {}) {
      const target = await live(options);
      const { refuseTerminated } = await import('../engine/terminated.ts');
      refuseTerminated('repair', target.state);
      return prepared(target.state, (tools) => runRepair(target, tools));
    },
    start: (selector, options = {}) => tend('start', selector, options),
    prepareStart: (selector, options = {}) => prepareTend('start', selector, options),
    stop: (selector, options = {}) => tend('stop', selector, options),
    prepareStop: (selector, options = {}) => prepareTend('stop', selector, options),
    reboot: (selector, options = {}) => tend('reboot', selector, options),
    prepareReboot: (selector, options = {}) => prepareTend('reboot', selector, options),
    replace: (selector, options = {}) => tend('replace', selector, options),
    prepareReplace: (selector, options = {}) => prepareTend('replace', selector, options),
    scale: (changes, options = {}) =>
      work.start(async (tools) => runScale(await aimScale(changes, options), tools), options),
    async prepareScale(changes, options = {}) {
      const target = await aimScale(changes, options);
      const { live: aim, forecast } = target;
      return { ...prepared(aim.state, (tools) => runScale(target, tools)), forecast };
    },
    async wait(options) {
      const { waitFor } = await import('./wait.ts');
      return await waitFor(session, name, { ...options, signal: work.signal(options) });
    },
    attach,
    async cancel(options = {}) {
      const { cancelOperation } = await import('./cancel.ts');
      return await cancelOperation(session, name, { signal: work.signal(options) });
    },
    async exportTo(file, options) {
      const { exportTo } = await import('./export.ts');
      return await exportTo(session, name, file, { ...options, signal: work.signal(options) });
    },
    verify: (options = {}) =>
      work.start(async ({ signal }) => {
        const { look } = await import('./look.ts');
        const target = await live(options);
        return await withStore(session.directory, (store) =>
          look(session, store, target, { limit: Infinity, signal }),
        );
      }, options),
  };

  async function forwards(
    machine: string,
    targets: readonly ForwardTarget[],
    options: ForwardOptions,
  ): Promise<readonly Forward[]> {
    const { beginForwards } = await import('./forward.ts');
    const signal = work.signal(options);
    return await beginForwards(session, name, { machine, targets }, { ...options, signal });
  }

  async function attach(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Attachment> {
    const { followOperation, goesOn, latestOperation } = await import('./attach.ts');
    const latest = await latestOperation(session, name, { signal: work.signal(options) });
    return {
      ...latest,
      follow: (following = {}) => work.start((tools) => followOperation(session, latest, tools), following),
      next: async (waiting = {}) =>
        (await goesOn(session, latest, { signal: work.signal(waiting) })) ? await attach(waiting) : null,
    };
  }

  function prepared<R>(state: DeploymentState, run: (tools: OperationTools) => Promise<R>): Prepared<R> {
    return { state, start: (options = {}) => work.start(run, options) };
  }

  function copy(
    selector: Selector,
    task: CopyTask,
    options: CopyOptions & OperationOptions<FleetEvent<CopyEnd>>,
  ): Operation<FleetResult<CopyEnd>, FleetEvent<CopyEnd>> {
    return work.start(async (tools) => {
      const { performCopy } = await import('./perform-copy.ts');
      return await performCopy(session, name, selector, task, options, tools);
    }, options);
  }

  function tend(
    verb: TendVerb,
    selector: Selector,
    options: StopOptions & ReplaceOptions & OperationOptions,
  ): Operation<TendResult> {
    return work.start(async (tools) => runTend(await aimTend(verb, selector, options), tools), options);
  }

  async function prepareTend(
    verb: TendVerb,
    selector: Selector,
    options: StopOptions & ReplaceOptions,
  ): Promise<PreparedTend> {
    const target = await aimTend(verb, selector, options);
    return { ...prepared(target.state, (tools) => runTend(target, tools)), machines: target.machines };
  }

  async function aimTend(
    verb: TendVerb,
    selector: Selector,
    options: StopOptions & ReplaceOptions,
  ): Promise<TendTarget> {
    const { tendTarget } = await import('./perform-tend.ts');
    return await tendTarget(session, verb, { name, selector }, options);
  }

  async function runTend(target: TendTarget, tools: OperationTools): Promise<TendResult> {
    const { performTend } = await import('./perform-tend.ts');
    return await performTend(session, target, tools);
  }

  async function aimScale(changes: readonly ScaleChange[], options: ScaleOptions): Promise<ScaleTarget> {
    const { scaleTarget } = await import('./perform-scale.ts');
    return await scaleTarget(session, name, changes, options);
  }

  async function runScale(target: ScaleTarget, tools: OperationTools): Promise<OperationResult> {
    const { performScale } = await import('./perform-scale.ts');
    return await performScale(session, target, tools);
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
