import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { startHost } from '../../src/providers/local/host.ts';
import { createLocalProvider } from '../../src/providers/local/local.ts';
import type {
  InstanceState,
  LaunchRequest,
  Observation,
  Provider,
  Tags,
} from '../../src/providers/provider.ts';
import { launchRequest } from './launch-request.ts';
import { connectTo } from './ssh-client.ts';
import type { TestClient } from './ssh-client.ts';
import { until as waitUntil } from './until.ts';

export const cancel = { signal: new AbortController().signal };

/** A state directory of its own with its local provider; disposing it ends all its machines. */
export interface LocalMachines extends AsyncDisposable {
  readonly stateDirectory: string;
  readonly provider: Provider;
  launch(count: number, request?: Partial<LaunchRequest>): Promise<readonly string[]>;
  /** Launches one machine and waits until it runs. */
  one(request?: Partial<LaunchRequest>): Promise<Observation>;
  look(id: string): Promise<Observation>;
  until(id: string, state: InstanceState): Promise<Observation>;
  connect(id: string): Promise<TestClient>;
  home(id: string): string;
  hostPid(): number;
}

let batches = 0;

/** `inProcess`: the host runs in the test's process, where coverage sees it; else as a process of its own. */
export async function createLocalMachines(options: {
  readonly inProcess: boolean;
  readonly prefix?: string;
}): Promise<LocalMachines> {
  const stateDirectory = mkdtempSync(join(tmpdir(), options.prefix ?? 'plan local-'));
  const provider = createLocalProvider({ stateDirectory });
  const host = options.inProcess ? await startHost(stateDirectory) : undefined;
  const look = async (id: string): Promise<Observation> => {
    const found = (await provider.describe([id], cancel)).get(id);
    if (found === undefined) throw new Error(`Cannot describe "${id}": the answer lacks it`);
    return found;
  };
  const until = async (id: string, state: InstanceState): Promise<Observation> => {
    for (;;) {
      const found = await look(id);
      if (found.state === state) return found;
      await delay(5);
    }
  };
  const launch = async (count: number, request: Partial<LaunchRequest> = {}): Promise<readonly string[]> => {
    const answer = await provider.launch(batchOf(count, request), cancel);
    if (answer.kind === 'refused') throw new Error(answer.message);
    return answer.ids.filter((id) => id !== null);
  };
  return {
    stateDirectory,
    provider,
    launch,
    look,
    until,
    async one(request) {
      const [id = ''] = await launch(1, request);
      return until(id, 'running');
    },
    async connect(id) {
      const { access } = await until(id, 'running');
      if (access === null) throw new Error(`Cannot connect to "${id}": it has no access`);
      return connectTo(access);
    },
    home: (id) => join(stateDirectory, 'machines', id),
    hostPid: () =>
      (
        JSON.parse(readFileSync(join(stateDirectory, 'machines', 'host.json'), 'utf8')) as {
          readonly pid: number;
        }
      ).pid,
    async [Symbol.asyncDispose]() {
      await provider.close();
      const closer = createLocalProvider({ stateDirectory });
      const left = await closer.list({}, cancel);
      await closer.terminate(
        left.map(({ id }) => id),
        cancel,
      );
      await closer.release({} as Tags, cancel);
      await closer.close();
      host?.stop();
      // A host that was started for a command that was cancelled ends a moment after that command.
      const deadline = Date.now() + 5_000;
      if (!options.inProcess)
        await waitUntil(() => !existsSync(join(stateDirectory, 'machines')) || Date.now() > deadline);
      const traces = existsSync(join(stateDirectory, 'machines'));
      rmSync(stateDirectory, { recursive: true, force: true });
      if (traces && !options.inProcess) throw new Error('Cannot leave no trace: "machines" is still there');
    },
  };
}

export function batchOf(count: number, request: Partial<LaunchRequest> = {}) {
  return {
    token: `token-${++batches}`,
    machines: Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, generation: 1 })),
    min: 1,
    request: launchRequest(request),
  };
}
