import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { commandLine } from '../connection/argument.ts';
import { ConnectionError } from '../connection/connection.ts';
import { execOn } from '../engine/fleet/exec.ts';
import type { Command, ExecEnd } from '../engine/fleet/exec.ts';
import { UsageError } from '../errors.ts';
import type { FleetEvent, FleetOptions, FleetResult } from './fleet-work.ts';
import { workOnFleet } from './fleet-work.ts';
import type { OperationTools } from './operation.ts';
import type { Selector } from './select.ts';
import type { Session } from './session.ts';

export type { ExecEnd } from '../engine/fleet/exec.ts';

/**
 * What is run on machines: a line for `sh -c`; words, which reach the machine byte for byte and which no shell takes
 * apart; or a file of this computer, with its arguments, which is run by the interpreter that it names, else by `sh`.
 */
export type FleetCommand =
  string | readonly string[] | { readonly script: string; readonly args?: readonly string[] | undefined };

export interface FleetExecOptions extends FleetOptions {
  /** Every machine gets all of it. It is read as it comes, and not destroyed. Default: the command's input is empty. */
  readonly stdin?: Readable | undefined;
  /** Bytes of each output that a result keeps, from its beginning. Default: 1 MiB. */
  readonly keep?: number | undefined;
  /**
   * Told what a machine prints, as it comes, in pieces of any length, unmasked. No more is read of that output while a
   * promise that it answers is pending.
   */
  readonly onOutput?: ((machine: string, stream: 'stdout' | 'stderr', chunk: Buffer) => unknown) | undefined;
}

/** Runs a command on the machines that a selector means. Rejects with `UsageError` for a command that cannot be one. */
export async function performExec(
  session: Session,
  name: string,
  selector: Selector,
  given: FleetCommand,
  { stdin, keep, onOutput, ...options }: FleetExecOptions,
  tools: OperationTools<FleetEvent<ExecEnd>>,
): Promise<FleetResult<ExecEnd>> {
  const user = options.user ?? null;
  const command = await commandOf(session, given);
  check(command, user);
  return await workOnFleet<ExecEnd>(session, name, selector, options, tools, {
    kind: 'exec',
    run: (fleet, machines, over, log) =>
      execOn(
        fleet,
        machines,
        { command, user, ...(stdin !== undefined && { stdin }), ...(keep !== undefined && { keep }) },
        {
          ...over,
          onOutput(machine, stream, chunk) {
            const logged = log(machine, chunk);
            const shown = onOutput?.(machine, stream, chunk);
            return logged === undefined ? shown : Promise.all([logged, shown]);
          },
        },
      ),
    isFailure: ({ exitCode }) => exitCode !== 0,
    words: endWords,
  });
}

/** How a command ended: `exit code 3`, `killed by KILL`. */
export function endWords({ exitCode, exitSignal }: Pick<ExecEnd, 'exitCode' | 'exitSignal'>): string {
  return exitSignal === null ? `exit code ${String(exitCode)}` : `ended by signal ${exitSignal}`;
}

async function commandOf({ cwd }: Session, given: FleetCommand): Promise<Command> {
  if (typeof given === 'string') return { kind: 'words', words: ['/bin/sh', '-c', given] };
  if (isWords(given)) return { kind: 'words', words: given };
  const { script, args = [] } = given;
  const path = resolve(cwd, script);
  try {
    return { kind: 'script', script: { name: basename(path), bytes: await readFile(path) }, args };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new UsageError(`Cannot read the script "${script}": ${why}`);
  }
}

function isWords(given: Exclude<FleetCommand, string>): given is readonly string[] {
  return Array.isArray(given);
}

/** What no machine can run is said once, before any is reached. */
function check(command: Command, user: string | null): void {
  const words = command.kind === 'words' ? command.words : ['sh', ...command.args];
  try {
    commandLine({ words, user }, '');
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    const [message = '', ...hint] = error.message.split('\n');
    throw new UsageError(message, hint.length === 0 ? undefined : hint.join('\n'));
  }
}
