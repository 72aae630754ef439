import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/clock.ts';
import { clockWith } from '../../src/clock.ts';
import { down } from '../../src/engine/down.ts';
import type { OperationResult, Wiring } from '../../src/engine/operation.ts';
import type { PlanReader } from '../../src/engine/retired.ts';
import { silentLogs } from '../../src/engine/silent-logs.ts';
import { up } from '../../src/engine/up.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Ec2Api } from '../../src/providers/ec2/api.ts';
import { createEc2Provider } from '../../src/providers/ec2/ec2.ts';
import { openEc2Api } from '../../src/providers/ec2/ec2-client.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { archivedSources } from '../../src/sources.ts';
import type { DeploymentState } from '../../src/state/deployment-state.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { Account } from '../support/ec2/signature.ts';
import type { Ec2Endpoint, Ec2Options } from '../support/ec2/endpoint.ts';
import { credentialsOf, startEc2Endpoint } from '../support/ec2/endpoint.ts';
import type { FakeExecution, FakeMachines } from '../support/fake-machines.ts';
import { createFakeMachines } from '../support/fake-machines.ts';
import type { KillPoint, Mortality } from '../support/mortal.ts';
import { mortal } from '../support/mortal.ts';
import { quickDirectory } from '../support/quick-directory.ts';

/** The engine on an EC2 endpoint, asked through the SDK, with fake machines and a clock that runs fast. */
export interface Ec2Harness extends AsyncDisposable {
  readonly clock: Clock;
  readonly endpoint: Ec2Endpoint;
  readonly machines: FakeMachines;
  /** Reads a plan of these levels, whose provider is the endpoint. */
  plan(levels: string): Promise<Plan>;
  /** One operation in a process of its own, over a store of its own, which is killed at that point. */
  process(kind: 'up' | 'down', plan: Plan, at?: KillPoint | null): Promise<ProcessEnd>;
  load(plan: Plan): Promise<DeploymentState | null>;
  /** Ids of instances that are not on their way out. */
  alive(): readonly string[];
  /** Machines whose bootstrap began, as often as it did. */
  bootstrapped(): readonly string[];
}

export interface Ec2HarnessOptions extends Ec2Options {
  /** Milliseconds of the clock. */
  readonly consistencyDelay?: number;
  /** Told the name of each call that changes something before it is made. */
  readonly onCall?: (name: string) => void;
  /** Whose credentials processes have from now on; default: the first account's. */
  readonly as?: () => Account | undefined;
}

export interface ProcessEnd {
  /** Null: it was killed. */
  readonly result: OperationResult | null;
  /** Calls to the API are among them, such as `api runInstances`. */
  readonly deeds: readonly string[];
  readonly warnings: readonly string[];
}

/** So many times faster than the clock on the wall: requests take their real time. */
const SPEED = 20;
const PATIENCE = 20_000;
const QUESTION = /^(describe|find|zonesOf|dryRun|parameter|quotas)/;

export async function createEc2Harness({
  consistencyDelay = 2_000,
  as = () => undefined,
  onCall = () => undefined,
  ...options
}: Ec2HarnessOptions = {}): Promise<Ec2Harness> {
  const directory = await quickDirectory('plan-ec2-engine-');
  const stateDirectory = join(directory, 'state');
  const clock = fastClock();
  const endpoint = await startEc2Endpoint({ clock, regions: ['us-west-2'], ...options });
  const alive = (): readonly string[] =>
    endpoint
      .instances()
      .filter(({ state }) => state !== 'terminated' && state !== 'shutting-down')
      .map(({ id }) => id);
  const machines = createFakeMachines(
    clock,
    (machine) => ({ takes: 20, outputs: machine.startsWith('db') ? `token=of-${machine}\n` : '' }),
    { connectTakes: 20, isUp: (id) => alive().includes(id) },
  );
  const store = await openSqliteStore(stateDirectory);
  const apis: Ec2Api[] = [];

  async function openProvider(place: string | null, life: () => Mortality): Promise<Provider> {
    const account = as();
    const { accessKeyId, secretAccessKey, sessionToken } =
      account === undefined ? endpoint.credentials : credentialsOf(account);
    const config = {
      name: 'west',
      region: endpoint.region,
      endpoint: endpoint.url,
      profile: null,
      credentials: { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? null },
      pollInterval: 100,
      sshFrom: ['127.0.0.0/8'],
    };
    const api = await openEc2Api(config, { clock });
    apis.push(api);
    return createEc2Provider(config, {
      stateDirectory,
      place,
      clock,
      api: mortalApi(api, life, onCall),
      consistencyDelay,
    });
  }

  function recorded(deployment: string): PlanReader {
    return async ({ archive, path }) => {
      const document = readPlan(path, archivedSources(await store.loadSources(archive)));
      const inputs = { flags: [], files: [], recorded: {}, env: {} };
      return resolvePlan(document, { deployment, inputs, need: 'teardown' }).plan;
    };
  }

  return {
    clock,
    endpoint,
    machines,
    alive,
    bootstrapped: () => ran(machines, 'bootstrap'),
    load: ({ deployment }) => store.load(deployment),
    async plan(levels) {
      const path = join(directory, 'shop.yml');
      const head = `version: 1\nname: shop\nproviders: { west: { type: ec2, region: ${endpoint.region} } }\ndefaults: { provider: west, image: ${endpoint.fixtures().debian} }`;
      await writeFile(path, `${head}\n${levels}`);
      const inputs = { flags: [], files: [], recorded: {}, env: {} };
      const document = readPlan(path, fileSources());
      const { plan, problems } = resolvePlan(document, { deployment: null, inputs, need: 'all' });
      if (plan === null) throw new Error(formatProblems(problems));
      return plan;
    },
    async process(kind, plan, at = null) {
      await using own = await openSqliteStore(stateDirectory);
      const warnings: string[] = [];
      const wiring: Wiring = {
        store: own,
        logs: silentLogs,
        connections: machines.connections,
        runner: machines.runner,
        clock,
        provider: (_, place) => openProvider(place, () => life),
        owner: 'tester@here',
        parallelism: 100,
        lockTimeout: 0,
        showOutput: false,
        observe: (event) => {
          if (event.type === 'warning') warnings.push(event.message);
        },
      };
      const { life, wiring: mortalWiring } = mortal(wiring, at);
      const { signal } = new AbortController();
      const readOld = recorded(plan.deployment);
      const operation =
        kind === 'up'
          ? up(mortalWiring, { plan, adopt: false, readPlan: readOld }, { signal })
          : down(
              mortalWiring,
              { deployment: plan.deployment, plan, skipTeardown: false, readPlan: readOld },
              { signal },
            );
      let alarm: NodeJS.Timeout | undefined;
      const patience = new Promise<never>((_, reject) => {
        alarm = setTimeout(() => {
          reject(new Error(`The ${kind} does not end: ${life.deeds.slice(-9).join(', ')}`));
        }, PATIENCE);
      });
      try {
        const result = await Promise.race([operation, life.died.then(() => null), patience]);
        return { result, deeds: life.deeds, warnings };
      } finally {
        clearTimeout(alarm);
      }
    },
    async [Symbol.asyncDispose]() {
      endpoint.throttle(null);
      for (const api of apis) api.close();
      await endpoint[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Machines on which the step began, as often as it did. */
export function ran({ executions }: FakeMachines, step: FakeExecution['step']): readonly string[] {
  return executions
    .filter((one) => one.step === step)
    .map(({ machine }) => machine)
    .sort();
}

/** What changes something in the cloud is a deed; what only asks is none. */
function mortalApi(api: Ec2Api, life: () => Mortality, onCall: (name: string) => void): Ec2Api {
  const entries = Object.entries(api).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'function' || name === 'close') return [name, value];
    const call = value as (...given: readonly unknown[]) => Promise<unknown>;
    return [
      name,
      (...given: readonly unknown[]) => {
        if (QUESTION.test(name)) return life().ask(() => call(...given));
        return life().act(`api ${name}`, () => {
          onCall(name);
          return call(...given);
        });
      },
    ];
  });
  return Object.fromEntries(entries) as Ec2Api;
}

function fastClock(): Clock {
  const start = Date.now();
  const from = performance.now();
  return clockWith({
    now: () => start + Math.floor((performance.now() - from) * SPEED),
    after(milliseconds, callback) {
      const timer = setTimeout(callback, Math.min(2 ** 31 - 1, Math.ceil(milliseconds / SPEED)));
      return () => clearTimeout(timer);
    },
  });
}
