import type { Clock } from '../../src/clock.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { ConnectionError } from '../../src/connection/connection.ts';
import type { ConnectionPool } from '../../src/connection/connection-pool.ts';
import type { ScriptEnd, ScriptRun, ScriptRunner } from '../../src/connection/script-runner.ts';

/** What a script does on a fake machine. */
export interface FakeScript {
  /** Milliseconds of the clock. */
  readonly takes?: number;
  readonly exitCode?: number;
  readonly output?: string;
  readonly outputs?: string;
}

/** One script that ran, with the clock's times. */
export interface FakeExecution {
  readonly machine: string;
  readonly step: 'bootstrap' | 'verify' | 'teardown';
  /** Generation and attempt; of a verify, which has no name, 0 and how often it was tried on this machine. */
  readonly generation: number;
  readonly attempt: number;
  readonly exitCode: number;
  readonly from: number;
  readonly to: number;
  readonly run: Pick<ScriptRun, 'args' | 'env' | 'attributes'> & { readonly files: ScriptRun['files'] };
}

export interface FakeMachines {
  readonly connections: ConnectionPool;
  readonly runner: ScriptRunner;
  /** In order of their ends. */
  readonly executions: FakeExecution[];
  /** Keys (instance ids) whose connections cannot be opened. */
  readonly unreachable: Set<string>;
  /** Machines from which everything was removed, in order. */
  readonly cleared: readonly string[];
  readonly opened: string[];
}

export interface FakeNetwork {
  /** Milliseconds of the clock that opening a connection takes. */
  readonly connectTakes?: number;
  /** False: no connection to this key (an instance id) can be opened, and those that are open break. */
  isUp?(key: string): boolean;
}

/**
 * Connections and scripts in memory. A supervised run happens once per base and name, and answers the same when it is
 * asked for again, as on a real machine; a run that is cut off goes on. `behave` says what a script does.
 */
export function createFakeMachines(
  clock: Clock,
  behave: (machine: string, step: FakeExecution['step'], attempt: number) => FakeScript = () => ({}),
  { connectTakes = 0, isUp = () => true }: FakeNetwork = {},
): FakeMachines {
  const executions: FakeExecution[] = [];
  const unreachable = new Set<string>();
  const cleared: string[] = [];
  const opened: string[] = [];
  const runs = new Map<
    string,
    { readonly until: number; readonly end: ScriptEnd; readonly output: string }
  >();
  const tries = new Map<string, number>();

  const exec: Connection['exec'] = () =>
    Promise.resolve({ exitCode: 0, exitSignal: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) });
  const connection: Connection = {
    ready: (options) => exec(':', options),
    exec,
    upload: () => Promise.resolve(),
    download: () => Promise.resolve(Buffer.alloc(0)),
    forward: () => Promise.reject(new ConnectionError('failed', 'a fake machine has no ports')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };

  function begin(
    machine: string,
    step: FakeExecution['step'],
    { generation, attempt }: Pick<FakeExecution, 'generation' | 'attempt'>,
    run: FakeExecution['run'],
  ) {
    const { takes = 0, exitCode = 0, output = '', outputs } = behave(machine, step, attempt);
    const from = clock.now();
    executions.push({ machine, step, generation, attempt, exitCode, from, to: from + takes, run });
    const bytes = exitCode === 0 ? Buffer.from(outputs ?? '') : null;
    return { until: from + takes, end: { kind: 'exited', exitCode, outputs: bytes }, output } as const;
  }

  async function ended(
    run: { readonly until: number; readonly end: ScriptEnd; readonly output: string },
    signal: AbortSignal,
    onOutput: (chunk: Buffer) => void,
  ) {
    if (run.output !== '') onOutput(Buffer.from(run.output));
    const left = run.until - clock.now();
    if (left > 0) await clock.sleep(left, { signal });
    return run.end;
  }

  /** A base ends in the first half of the deployment's uuid and the machine's name. */
  const machineOf = (base: string): string => /-[0-9a-f]{8}[-/]([^/]+)$/.exec(base)?.[1] ?? base;

  return {
    executions,
    cleared,
    unreachable,
    opened,
    connections: {
      async use({ key }, { signal }, work) {
        signal.throwIfAborted();
        if (connectTakes > 0) await clock.sleep(connectTakes, { signal });
        if (unreachable.has(key) || !isUp(key))
          throw new ConnectionError('unreachable', `connect ECONNREFUSED ${key}`);
        opened.push(key);
        const result = await work(connection);
        if (!isUp(key)) throw new ConnectionError('lost', `the connection to ${key} broke`);
        return result;
      },
      release: () => undefined,
      discard: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    runner: {
      run(_connection, run, { signal, onOutput }) {
        const key = `${run.base} ${run.name}`;
        const [generation, step = '', attempt = '1'] = run.name.split('-');
        const nth = { generation: Number(generation), attempt: Number(attempt) };
        const known = runs.get(key) ?? begin(machineOf(run.base), step as FakeExecution['step'], nth, run);
        runs.set(key, known);
        return ended(known, signal, onOutput);
      },
      attach(_connection, { base, name }, { signal, onOutput }) {
        const known = runs.get(`${base} ${name}`);
        return known === undefined ? Promise.resolve(undefined) : ended(known, signal, onOutput);
      },
      stop: () => Promise.resolve(),
      attempt(_connection, run, { signal, onOutput }) {
        const machine = machineOf(run.base);
        const attempt = (tries.get(machine) ?? 0) + 1;
        tries.set(machine, attempt);
        return ended(begin(machine, 'verify', { generation: 0, attempt }, run), signal, onOutput);
      },
      put: () => Promise.resolve(),
      clear(_connection, { base }) {
        cleared.push(machineOf(base));
        return Promise.resolve();
      },
    },
  };
}
