import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/clock.ts';
import { down } from '../../src/engine/down.ts';
import type { EngineEvent, OperationResult, Wiring } from '../../src/engine/operation.ts';
import type { PlanReader } from '../../src/engine/retired.ts';
import { up } from '../../src/engine/up.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { archivedSources } from '../../src/sources.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { createLogs } from '../../src/state/log-files.ts';
import { machineState } from '../../src/state/machine-state.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { Store } from '../../src/state/store.ts';
import type { FakeCloud, FakeCloudOptions } from './fake-cloud.ts';
import { createFakeCloud } from './fake-cloud.ts';
import type { FakeExecution, FakeMachines, FakeScript } from './fake-machines.ts';
import { createFakeMachines } from './fake-machines.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** The engine on a fake cloud, with fake machines and a virtual clock, over a real store in a directory of its own. */
export interface Harness extends AsyncDisposable {
  readonly directory: string;
  readonly clock: Clock;
  readonly cloud: FakeCloud;
  readonly machines: FakeMachines;
  readonly store: Store;
  readonly events: EngineEvent[];
  readonly wiring: Wiring;
  /** Writes a plan file and reads it; its provider is the fake cloud. Throws the report of its problems. */
  plan(text: string, inputs?: readonly string[]): Promise<Plan>;
  /** Writes a file beside the plan; executable when it begins with `#!`. */
  file(path: string, text: string): Promise<void>;
  up(plan: Plan, signal?: AbortSignal): Promise<OperationResult>;
  down(plan: Plan, options?: { readonly skipTeardown?: boolean }): Promise<OperationResult>;
}

export interface HarnessOptions extends Omit<FakeCloudOptions, 'clock'> {
  readonly behave?: (machine: string, step: FakeExecution['step'], attempt: number) => FakeScript;
  readonly parallelism?: number;
}

export async function createHarness(options: HarnessOptions = {}): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-engine-'));
  const clock = createVirtualClock();
  const cloud = createFakeCloud({ ...options, clock });
  const machines = createFakeMachines(clock, options.behave);
  const store = await openSqliteStore(join(directory, 'state'));
  const events: EngineEvent[] = [];
  const wiring: Wiring = {
    store,
    logs: createLogs(join(directory, 'state')),
    connections: machines.connections,
    runner: machines.runner,
    clock,
    provider: () => Promise.resolve(cloud),
    owner: 'tester@here',
    parallelism: options.parallelism ?? 1_000,
    lockTimeout: 0,
    showOutput: false,
    observe: (event) => void events.push(event),
  };

  async function file(path: string, text: string): Promise<void> {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
    if (text.startsWith('#!')) await chmod(target, 0o755);
  }

  /** Plans as the deployment keeps them. */
  function recorded(deployment: string): PlanReader {
    return async ({ archive, path }) => {
      const document = readPlan(path, archivedSources(await store.loadSources(archive)));
      const inputs = { flags: [], files: [], recorded: {}, env: {} };
      return resolvePlan(document, { deployment, inputs, need: 'teardown' }).plan;
    };
  }

  return {
    directory,
    clock,
    cloud,
    machines,
    store,
    events,
    wiring,
    file,
    async plan(text, inputs = []) {
      await file('plan.yml', text);
      const document = readPlan(join(directory, 'plan.yml'), fileSources());
      const given = { flags: inputs, files: [], recorded: {}, env: {} };
      const { plan, problems } = resolvePlan(document, { deployment: null, inputs: given, need: 'all' });
      if (plan === null) throw new Error(formatProblems(problems));
      return plan;
    },
    up: (plan, signal = new AbortController().signal) =>
      up(wiring, { plan, adopt: false, readPlan: recorded(plan.deployment) }, { signal }),
    down: (plan, { skipTeardown = false } = {}) =>
      down(
        wiring,
        { deployment: plan.deployment, plan, skipTeardown, readPlan: recorded(plan.deployment) },
        { signal: new AbortController().signal },
      ),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Every machine as `name state`, with what failed, in the order of the plan. */
export function summary(state: DeploymentState): string {
  return [...state.machines.values()]
    .map((machine) => {
      const failure =
        machine.failure === null ? '' : ` (${machine.failure.step}: ${machine.failure.message})`;
      return `${machine.name} ${machineState(machine)}${failure}`;
    })
    .join('\n');
}

/** The scripts that ran, as `machine step`, in the order in which they began. */
export function ran(machines: FakeMachines): readonly string[] {
  return machines.executions.map(({ machine, step }) => `${machine} ${step}`);
}
