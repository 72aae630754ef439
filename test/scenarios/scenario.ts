import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { MachineStatus, StatusDocument } from '../../src/state/status.ts';
import type { Ran, RunOptions } from '../cli/command.ts';
import { plan } from '../cli/command.ts';
import { isGone } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { traces } from './traces.ts';

/** A directory with plans, its state directory, and one where scripts of machines leave what they saw. */
export interface Scenario extends AsyncDisposable {
  readonly path: string;
  readonly stateDirectory: string;
  /** What scripts of plans that `plan` wrote see as `$SHARED`. */
  readonly shared: string;
  /** Writes a file below `path`; executable when it begins with `#!`. */
  write(file: string, content: string | Buffer): Promise<void>;
  /** Writes a plan of these levels, `NAME.yml`; its scripts see `$SHARED`. */
  plan(name: string, levels: string): Promise<string>;
  run(argv: readonly string[], options?: Partial<RunOptions>): Promise<Ran>;
  status(name: string): Promise<StatusDocument>;
  machines(name: string): Promise<ReadonlyMap<string, MachineStatus>>;
  /** The lines of a file that scripts appended to; none when there is no such file. */
  told(file: string): readonly string[];
  hostPid(): number;
  /** Ends the host of the local machines as a crash would, and waits until it is gone. */
  killHost(): Promise<void>;
}

/** Address of this computer, on which anybody may listen. */
const HERE = '127.0.0.1';

/** A scenario that ends with the test: all that is live goes down, and no trace may be left. */
export async function scenario(files: Readonly<Record<string, string>> = {}): Promise<Scenario> {
  const opened = await openScenario(files);
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

export async function openScenario(files: Readonly<Record<string, string>> = {}): Promise<Scenario> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'plan scénario-')));
  const stateDirectory = join(path, '.plan');
  const shared = join(path, 'shared');
  const addresses = new Set<string>();
  await mkdir(shared);

  async function write(file: string, content: string | Buffer): Promise<void> {
    const target = join(path, file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    if (Buffer.from(content).toString('latin1', 0, 2) === '#!') await chmod(target, 0o755);
  }

  function run(argv: readonly string[], options: Partial<RunOptions> = {}): Promise<Ran> {
    return plan([...argv, '--state-dir', stateDirectory], { cwd: path, ...options });
  }

  async function status(name: string): Promise<StatusDocument> {
    const ran = await run(['status', name, '--json']);
    const document = JSON.parse(ran.stdout) as StatusDocument;
    for (const { address } of machinesOf(document))
      if (address !== null && address !== HERE) addresses.add(address);
    return document;
  }

  function hostPid(): number {
    const { pid } = JSON.parse(readFileSync(join(stateDirectory, 'machines/host.json'), 'utf8')) as {
      readonly pid: number;
    };
    return pid;
  }

  async function end(): Promise<void> {
    if (!existsSync(join(stateDirectory, 'state.db'))) return;
    const { deployments } = JSON.parse((await run(['list', '--json'])).stdout) as {
      readonly deployments: readonly { readonly name: string }[];
    };
    const names = deployments.map(({ name }) => name);
    for (const name of names) await status(name);
    const down = names.length === 0 ? null : await run(['down', '--yes', '--skip-teardown', ...names]);
    const left = traces(stateDirectory, addresses);
    if (left.length > 0)
      throw new Error(`Cannot leave no trace: there is\n${left.join('\n')}\n${down?.stderr ?? ''}`);
  }

  for (const [file, text] of Object.entries(files)) await write(file, text);
  return {
    path,
    stateDirectory,
    shared,
    write,
    run,
    status,
    hostPid,
    async plan(name, levels) {
      const defaults = `defaults:\n  env: { SHARED: ${JSON.stringify(shared)} }\n`;
      await write(`${name}.yml`, `version: 1\nname: ${name}\n${defaults}${levels}`);
      return `${name}.yml`;
    },
    async machines(name) {
      const document = await status(name);
      return new Map(machinesOf(document).map((machine) => [machine.name, machine]));
    },
    told(file) {
      const target = join(shared, file);
      return existsSync(target)
        ? readFileSync(target, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [];
    },
    async killHost() {
      const pid = hostPid();
      process.kill(pid, 'SIGKILL');
      await until(() => isGone(pid));
    },
    async [Symbol.asyncDispose]() {
      try {
        await end();
      } finally {
        await rm(path, { recursive: true, force: true });
      }
    },
  };
}

export function machinesOf({ levels }: StatusDocument): readonly MachineStatus[] {
  return levels.flatMap(({ services }) => services.flatMap(({ machines }) => machines));
}

/** Every machine as `name state`, in the order of the plan. */
export function states(document: StatusDocument): readonly string[] {
  return machinesOf(document).map(({ name, state }) => `${name} ${state}`);
}

/** The whole log of a step, as it is in the state directory. */
export async function logOf(
  { run }: Pick<Scenario, 'run'>,
  deployment: string,
  machine: string,
  step: string,
): Promise<string> {
  return (await run(['logs', machine, '-d', deployment, '--step', step])).stdout;
}

export async function textOf({ shared }: Pick<Scenario, 'shared'>, file: string): Promise<string> {
  return readFile(join(shared, file), 'utf8');
}
