import type { Readable } from 'node:stream';
import { endGroup, ENDING_LIMIT, runWords } from '../../connection/argument-exec.ts';
import type { CommandEnd, CommandGroup } from '../../connection/argument-exec.ts';
import { placeScript } from '../../connection/argument-script.ts';
import type { ScriptFile } from '../../connection/argument-script.ts';
import type { Connection } from '../../connection/connection.ts';
import { ConnectionError } from '../../connection/connection.ts';
import type { Machine } from '../../machine.ts';
import type { Cancel } from '../perform/context.ts';
import type { Fleet } from './fleet.ts';
import { keeper } from './keeper.ts';
import { overMachines } from './over-machines.ts';
import type { MachineResult, OverOptions } from './over-machines.ts';
import { shareKept, shareLive } from './share-input.ts';
import type { SharedInput } from './share-input.ts';

/** What to run: words that no shell takes apart, or a file of this computer with arguments. */
export type Command =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'script'; readonly script: ScriptFile; readonly args: readonly string[] };

export interface ExecRequest {
  readonly command: Command;
  /** Who runs it; null: the login user. */
  readonly user: string | null;
  /** Every machine gets all of it. Absent: the command's input is empty. */
  readonly stdin?: Readable;
  /** Bytes of each output that a result keeps, from its beginning; default: 1 MiB. */
  readonly keep?: number;
}

/** How a command ended on a machine: with an exit code, or by a signal (`KILL`). */
export interface ExecEnd extends CommandEnd {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Something was printed that is not kept here. */
  readonly isTruncated: boolean;
}

export interface ExecOptions extends OverOptions<ExecEnd> {
  /**
   * Told what a machine prints, as it comes, in pieces of any length. No more is read of that output while a promise
   * that it answers is pending.
   */
  readonly onOutput?: (machine: string, stream: 'stdout' | 'stderr', chunk: Buffer) => unknown;
}

const KEEP = 1024 * 1024;

/**
 * Runs a command on machines, in the home of the user who runs it. One that is out of time, or interrupted, is ended
 * on the machine, with all of its process group; so is one whose connection broke, as soon as there is another. An
 * exit code other than 0 counts as a failure for `failFast`.
 */
export async function execOn(
  fleet: Fleet,
  machines: readonly Machine[],
  request: ExecRequest,
  options: ExecOptions,
): Promise<readonly MachineResult<ExecEnd>[]> {
  await using input = await inputFor(machines, request, options);
  return await overMachines(
    machines,
    (machine, cancel) =>
      fleet.use(machine, cancel, (connection) =>
        runOn({ fleet, machine, request, input, onOutput: options.onOutput }, connection, cancel),
      ),
    {
      ...options,
      isFailure: ({ exitCode }) => exitCode !== 0,
      onEvent(event) {
        if (event.type === 'ended') input?.drop(event.machine);
        options.onEvent?.(event);
      },
    },
  );
}

interface Run {
  readonly fleet: Fleet;
  readonly machine: Machine;
  readonly request: ExecRequest;
  readonly input: SharedInput | undefined;
  readonly onOutput: ExecOptions['onOutput'];
}

async function inputFor(
  machines: readonly Machine[],
  { stdin }: ExecRequest,
  { parallelism, maxUnavailable }: ExecOptions,
): Promise<SharedInput | undefined> {
  if (stdin === undefined) return undefined;
  const areAllAtOnce =
    machines.length === 1 || (machines.length <= parallelism && maxUnavailable === undefined);
  const names = machines.map(({ name }) => name);
  return areAllAtOnce ? shareLive(stdin, names) : await shareKept(stdin);
}

async function runOn(run: Run, connection: Connection, cancel: Cancel): Promise<ExecEnd> {
  const { command, user } = run.request;
  switch (command.kind) {
    case 'words':
      return await runCommand(run, command.words, connection, cancel);
    case 'script': {
      const placed = await placeScript(connection, command.script, user, cancel);
      try {
        return await runCommand(run, [...placed.words, ...command.args], connection, cancel);
      } finally {
        await afterwards(run, connection, (another, limit) => placed.remove(another, limit));
      }
    }
    default:
      return command satisfies never;
  }
}

async function runCommand(
  run: Run,
  words: readonly string[],
  connection: Connection,
  { signal }: Cancel,
): Promise<ExecEnd> {
  const { machine, request, input, onOutput } = run;
  const { user, keep = KEEP } = request;
  const stdout = keeper(keep);
  const stderr = keeper(keep);
  const begun: { group: CommandGroup | undefined } = { group: undefined };
  try {
    const end = await runWords(
      connection,
      { words, user },
      {
        signal,
        ...(input !== undefined && { stdin: input.of(machine.name) }),
        onStdout(chunk) {
          stdout.add(chunk);
          return onOutput?.(machine.name, 'stdout', chunk);
        },
        onStderr(chunk) {
          stderr.add(chunk);
          return onOutput?.(machine.name, 'stderr', chunk);
        },
        onGroup: (group) => void (begun.group = group),
      },
    );
    const isTruncated = stdout.isTruncated() || stderr.isTruncated();
    return { ...end, stdout: stdout.bytes(), stderr: stderr.bytes(), isTruncated };
  } catch (error) {
    const { group } = begun;
    if (error instanceof ConnectionError && error.problem === 'lost' && group !== undefined)
      await afterwards(run, connection, (another) => endGroup(another, { user }, group));
    throw error;
  }
}

/** Tidies up, over another connection if this one broke; what nobody can reach is left as it is. */
async function afterwards(
  { fleet, machine }: Run,
  connection: Connection,
  tidy: (connection: Connection, cancel: Cancel) => Promise<void>,
): Promise<void> {
  const cancel = { signal: AbortSignal.timeout(ENDING_LIMIT) };
  try {
    await tidy(connection, cancel);
  } catch {
    await fleet.use(machine, cancel, (another) => tidy(another, cancel)).catch(() => undefined);
  }
}
