import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/clock.ts';
import { down } from '../../src/engine/down.ts';
import type { EngineEvent, OperationResult, ScaleChange, Wiring } from '../../src/engine/operation.ts';
import { silentLogs } from '../../src/engine/silent-logs.ts';
import type { OperationKind } from '../../src/fact.ts';
import { repair } from '../../src/engine/repair.ts';
import type { PlanReader } from '../../src/engine/retired.ts';
import { scale } from '../../src/engine/scale.ts';
import { up } from '../../src/engine/up.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Sources } from '../../src/sources.ts';
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
import { createMemoryDisk, openMemoryStore } from './memory-store.ts';
import type { KillPoint } from './mortal.ts';
import { mortal } from './mortal.ts';
import { quickDirectory } from './quick-directory.ts';
import { remember } from './remember.ts';
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
  up(plan: Plan, signal?: AbortSignal, forceProtected?: boolean): Promise<OperationResult>;
  repair(plan: Plan): Promise<OperationResult>;
  down(
    plan: Plan,
    options?: {
      readonly skipTeardown?: boolean;
      readonly only?: readonly string[];
      readonly forceProtected?: boolean;
    },
  ): Promise<OperationResult>;
  /** The plan that the deployment was last brought to; null: none. */
  /** `plan`: as it is kept. */
  scale(plan: Plan, ...changes: readonly ScaleChange[]): Promise<OperationResult>;
  recorded(deployment: string): Promise<Plan | null>;
  /** One operation in a process of its own, over a store of its own, which is killed at that point. */
  process(kind: OperationKind, plan: Plan, at?: KillPoint | null): Promise<ProcessEnd>;
  /** The same of anything that is done with such a process' wiring; `name` is for messages. */
  inProcess<R>(
    name: string,
    at: KillPoint | null,
    work: (wiring: Wiring) => Promise<R>,
  ): Promise<ProcessEnd<R>>;
}

export interface HarnessOptions extends Omit<FakeCloudOptions, 'clock'> {
  readonly behave?: (machine: string, step: FakeExecution['step'], attempt: number) => FakeScript;
  readonly parallelism?: number;
  /** Milliseconds of the clock that opening a connection takes. */
  readonly connectTakes?: number;
  /** `memory`: no file is read or written, and there are no logs. Default: `sqlite`. */
  readonly store?: 'sqlite' | 'memory';
}

export interface ProcessEnd<R = OperationResult> {
  /** Null: it was killed. */
  readonly result: R | null;
  readonly deeds: readonly string[];
}

/** Milliseconds of real time after which an operation is taken to hang. */
const PATIENCE = 10_000;

/** Plans of harnesses that read no files. */
const writtenPlan = remember<Plan>();
const archivedPlan = remember<Plan | null>();

export async function createHarness(options: HarnessOptions = {}): Promise<Harness> {
  const directory = options.store === 'memory' ? '/plans' : await quickDirectory('plan-engine-');
  const clock = createVirtualClock();
  const cloud = createFakeCloud({ ...options, clock });
  const machines = createFakeMachines(clock, options.behave, {
    connectTakes: options.connectTakes ?? 0,
    isUp: (id) => cloud.isRunning(id),
  });
  const isOnDisk = options.store !== 'memory';
  const disk = createMemoryDisk();
  const openStore = (): Promise<Store> =>
    isOnDisk ? openSqliteStore(join(directory, 'state')) : Promise.resolve(openMemoryStore(disk));
  const store = await openStore();
  const events: EngineEvent[] = [];
  const wiring: Wiring = {
    store,
    logs: isOnDisk ? createLogs(join(directory, 'state')) : silentLogs,
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
  function recorded(deployment: string, need: 'all' | 'teardown' = 'teardown'): PlanReader {
    return async ({ archive, path }) => {
      const sources = archivedSources(await store.loadSources(archive));
      const inputs = { flags: [], files: [], recorded: {}, env: {} };
      return archivedPlan(
        [archive, path, deployment, need],
        () => resolvePlan(readPlan(path, sources), { deployment, inputs, need }).plan,
      );
    };
  }

  async function inProcess<R>(
    name: string,
    at: KillPoint | null,
    work: (wiring: Wiring) => Promise<R>,
  ): Promise<ProcessEnd<R>> {
    await using own = await openStore();
    const { life, wiring: mortalWiring } = mortal({ ...wiring, store: own, logs: silentLogs }, at);
    const operation = work(mortalWiring);
    let alarm: NodeJS.Timeout | undefined;
    const patience = new Promise<never>((_, reject) => {
      alarm = setTimeout(() => {
        reject(new Error(`The ${name} does not end: ${life.deeds.slice(-9).join(', ')}`));
      }, PATIENCE);
    });
    try {
      const result = await Promise.race([operation, life.died.then(() => null), patience]);
      return { result, deeds: life.deeds };
    } finally {
      clearTimeout(alarm);
    }
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
      const path = join(directory, 'plan.yml');
      const given = { flags: inputs, files: [], recorded: {}, env: {} };
      const read = (sources: Sources): Plan => {
        const document = readPlan(path, sources);
        const { plan, problems } = resolvePlan(document, { deployment: null, inputs: given, need: 'all' });
        if (plan === null) throw new Error(formatProblems(problems));
        return plan;
      };
      if (isOnDisk) {
        await file('plan.yml', text);
        return read(fileSources());
      }
      const entry = { kind: 'file', mode: 0o644, bytes: Buffer.from(text) } as const;
      return writtenPlan([text, inputs], () => read(archivedSources(new Map([[path, entry]]))));
    },
    repair: (plan) =>
      repair(wiring, { plan, readPlan: recorded(plan.deployment) }, { signal: new AbortController().signal }),
    scale: (plan, ...changes) =>
      scale(
        wiring,
        { plan, changes, readPlan: recorded(plan.deployment) },
        { signal: new AbortController().signal },
      ),
    up: (plan, signal = new AbortController().signal, forceProtected = false) =>
      up(wiring, { plan, adopt: false, forceProtected, readPlan: recorded(plan.deployment) }, { signal }),
    down: (plan, { skipTeardown = false, ...more } = {}) =>
      down(
        wiring,
        { deployment: plan.deployment, plan, skipTeardown, ...more, readPlan: recorded(plan.deployment) },
        { signal: new AbortController().signal },
      ),
    async recorded(deployment) {
      const plan = (await store.load(deployment))?.plan ?? null;
      return plan === null ? null : recorded(deployment, 'all')(plan);
    },
    async process(kind, plan, at = null) {
      const { signal } = new AbortController();
      const read = recorded(plan.deployment);
      return await inProcess(kind, at, (mortalWiring) => operate(kind, mortalWiring, plan, read, signal));
    },
    inProcess,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      if (isOnDisk) await rm(directory, { recursive: true, force: true });
    },
  };
}

function operate(
  kind: OperationKind,
  wiring: Wiring,
  plan: Plan,
  readPlan: PlanReader,
  signal: AbortSignal,
): Promise<OperationResult> {
  switch (kind) {
    case 'up':
      return up(wiring, { plan, adopt: false, readPlan }, { signal });
    case 'repair':
      return repair(wiring, { plan, readPlan }, { signal });
    case 'down':
      return down(wiring, { deployment: plan.deployment, plan, skipTeardown: false, readPlan }, { signal });
    case 'start':
    case 'stop':
    case 'reboot':
    case 'replace':
    case 'scale':
    case 'extend':
      throw new Error(`Cannot try "${kind}" in a process of its own`);
  }
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
