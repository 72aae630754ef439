import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { down } from '../../src/engine/down.ts';
import type { EngineEvent, OperationResult, Wiring } from '../../src/engine/operation.ts';
import { repair } from '../../src/engine/repair.ts';
import { silentLogs } from '../../src/engine/silent-logs.ts';
import { up } from '../../src/engine/up.ts';
import { formatProblems } from '../../src/plan/diagnostic.ts';
import { fileSources } from '../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../src/plan/load.ts';
import { openProvider } from '../../src/providers/index.ts';
import { openSqliteStore } from '../../src/state/sqlite-store.ts';
import type { Ec2Endpoint } from './ec2/endpoint.ts';
import { createFakeMachines } from './fake-machines.ts';

/** What has to be known of an endpoint to use it, from another process too. */
export interface Ec2Address extends Pick<Ec2Endpoint, 'url' | 'region' | 'credentials'> {
  readonly image: string;
}

/** Operations of one deployment on an EC2 endpoint: the real SDK, store and clock; connections and scripts are fakes. */
export interface Ec2Operations extends AsyncDisposable {
  readonly stateDirectory: string;
  readonly planPath: string;
  readonly events: readonly EngineEvent[];
  up(options?: { readonly wait?: boolean }): Promise<OperationResult>;
  repair(): Promise<OperationResult>;
  down(): Promise<OperationResult>;
}

export interface Ec2OperationsOptions {
  /** Of the one service. */
  readonly machines: number;
  /** As in a plan: `50ms`; default: the provider's own. */
  readonly pollInterval?: string;
}

export async function ec2Operations(
  { url, region, credentials, image }: Ec2Address,
  { machines, pollInterval = '1s' }: Ec2OperationsOptions,
): Promise<Ec2Operations> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-ec2-'));
  const stateDirectory = join(directory, 'state');
  const path = join(directory, 'plan.yml');
  await writeFile(
    path,
    `
version: 1
name: fleet
inputs:
  key: { sensitive: true }
  secret: { sensitive: true }
providers:
  west:
    type: ec2
    region: ${region}
    endpoint: ${url}
    pollInterval: ${pollInterval}
    accessKeyId: "{{inputs.key}}"
    secretAccessKey: "{{inputs.secret}}"
levels:
  - name: all
    services:
      node: { provider: west, image: ${image}, count: ${machines}, bootstrap: { run: "true" } }
`,
  );
  const flags = [`key=${credentials.accessKeyId}`, `secret=${credentials.secretAccessKey}`];
  const { plan, problems } = resolvePlan(readPlan(path, fileSources()), {
    deployment: null,
    inputs: { flags, files: [], recorded: {}, env: {} },
    need: 'all',
  });
  if (plan === null) throw new Error(formatProblems(problems));
  const store = await openSqliteStore(stateDirectory);
  const fakes = createFakeMachines(systemClock);
  const events: EngineEvent[] = [];
  const wiring: Wiring = {
    store,
    logs: silentLogs,
    connections: fakes.connections,
    runner: fakes.runner,
    clock: systemClock,
    provider: (config, place) => openProvider(config, { stateDirectory, place }),
    owner: 'tester@here',
    parallelism: 1_000,
    lockTimeout: 0,
    showOutput: false,
    observe: (event) => void events.push(event),
  };
  const { signal } = new AbortController();
  const same = (): Promise<typeof plan> => Promise.resolve(plan);
  return {
    stateDirectory,
    planPath: path,
    events,
    up: (options) => up(wiring, { plan, adopt: false, readPlan: same, ...options }, { signal }),
    repair: () => repair(wiring, { plan, readPlan: same }, { signal }),
    down: () =>
      down(wiring, { deployment: plan.deployment, plan, skipTeardown: false, readPlan: same }, { signal }),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
