import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../src/clock.ts';
import { createOpener } from '../../../src/connection/open.ts';
import { createConnectionPool } from '../../../src/connection/pool.ts';
import { createScriptRunner } from '../../../src/connection/shell-script-runner.ts';
import { down } from '../../../src/engine/down.ts';
import type { Fleet } from '../../../src/engine/fleet/fleet.ts';
import { openFleet } from '../../../src/engine/fleet/fleet.ts';
import type { Wiring } from '../../../src/engine/operation.ts';
import { silentLogs } from '../../../src/engine/silent-logs.ts';
import { up } from '../../../src/engine/up.ts';
import type { Machine } from '../../../src/machine.ts';
import { formatProblems } from '../../../src/plan/diagnostic.ts';
import { fileSources } from '../../../src/plan/file-sources.ts';
import { readPlan, resolvePlan } from '../../../src/plan/load.ts';
import { openProvider } from '../../../src/providers/index.ts';
import type { DeploymentState } from '../../../src/state/deployment-state.ts';
import { openSqliteStore } from '../../../src/state/sqlite-store.ts';
import { createLocalMachines } from '../../support/local-machines.ts';

/** A deployment of local machines, as somebody finds it who begins to work with it. */
export interface LocalFleet extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly machines: readonly Machine[];
  readonly state: DeploymentState;
  home(machine: Machine): string;
  /** The process id of the machines' host. */
  hostPid(): number;
}

const { signal } = new AbortController();
const nothing = (): Promise<null> => Promise.resolve(null);

export async function openLocalFleet({
  count,
  inProcess = true,
}: {
  readonly count: number;
  readonly inProcess?: boolean;
}): Promise<LocalFleet> {
  const local = await createLocalMachines({ inProcess });
  const { stateDirectory } = local;
  const store = await openSqliteStore(stateDirectory);
  const opener = createOpener();
  const connections = createConnectionPool({ open: opener.open });
  const wiring: Wiring = {
    store,
    logs: silentLogs,
    connections,
    runner: createScriptRunner(),
    clock: systemClock,
    provider: (config, place) => openProvider(config, { stateDirectory, place }),
    owner: 'tester@here',
    parallelism: 100,
    lockTimeout: 0,
    showOutput: false,
    observe: () => undefined,
  };
  const path = join(stateDirectory, 'plan.yml');
  const text = `version: 1\nname: fleet\nlevels: [{ name: app, services: { web: { count: ${count} } } }]\n`;
  await writeFile(path, text);
  const inputs = { flags: [], files: [], recorded: {}, env: {} };
  const { plan, problems } = resolvePlan(readPlan(path, fileSources()), {
    deployment: null,
    inputs,
    need: 'all',
  });
  if (plan === null) throw new Error(formatProblems(problems));
  const { outcome, state } = await up(wiring, { plan, adopt: false, readPlan: nothing }, { signal });
  if (outcome !== 'succeeded') throw new Error(`Cannot make machines: ${outcome}`);
  const fleet = await openFleet(wiring, { plan, state, readPlan: nothing });
  return {
    fleet,
    state,
    machines: [...state.machines.values()],
    home: ({ id }) => local.home(id ?? ''),
    hostPid: () => local.hostPid(),
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]();
      await down(wiring, { deployment: 'fleet', plan, skipTeardown: true, readPlan: nothing }, { signal });
      await connections[Symbol.asyncDispose]();
      await opener[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await local[Symbol.asyncDispose]();
    },
  };
}
