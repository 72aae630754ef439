import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { onAbort } from './abort.ts';
import { commandLine, commandOf } from './argument.ts';
import type { Words } from './argument.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { lastLine } from './download.ts';
import { finishProgram } from './script-program.ts';
import { afterLine, listenerSink } from './transfer-output.ts';

/** Milliseconds for ending a cancelled command, which is killed after 2 s. */
export const ENDING_LIMIT = 5_000;

/** Bytes of what was printed before the command began that are kept, to say why it did not. */
const EARLY_LIMIT = 4_096;

/** pid, start time and boot id of a command, which leads its process group. */
export type CommandGroup = readonly string[];

/** Exactly one of them is set, as in `ExecResult`. */
export interface CommandEnd {
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

export interface WordsOptions {
  /** Aborting ends the command's process group on the machine before this rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Absent: the command's input is empty. */
  readonly stdin?: Buffer | Readable;
  /** Told what the command prints. No more is read while a promise that it answers is pending. */
  readonly onStdout: (chunk: Buffer) => unknown;
  readonly onStderr: (chunk: Buffer) => unknown;
  /** Told when the command begins. */
  readonly onGroup?: (group: CommandGroup) => void;
}

/**
 * Runs words on a machine. As with ssh, it ends when the command ended and nobody holds its outputs open any more.
 * Rejects with a `ConnectionError`: `failed` if the command could not be begun, for which the machine's words are given.
 */
export async function runWords(
  connection: Connection,
  command: Words,
  { signal, stdin, onStdout, onStderr, onGroup }: WordsOptions,
): Promise<CommandEnd> {
  signal.throwIfAborted();
  const nonce = `plan-${randomBytes(16).toString('hex')}`;
  const line = commandLine(command, nonce);
  const done = new AbortController();
  let group: CommandGroup | undefined;
  let ending: Promise<unknown> | undefined;
  let limit: NodeJS.Timeout | undefined;
  let early = Buffer.alloc(0);

  function end(): void {
    if (!signal.aborted) return;
    limit ??= setTimeout(() => done.abort(signal.reason), ENDING_LIMIT);
    if (group === undefined) return;
    ending ??= endGroup(connection, command, group)
      .catch(() => undefined)
      .finally(() => done.abort(signal.reason));
  }
  function begun(words: string): void {
    group = words.split(' ').slice(1);
    onGroup?.(group);
    end();
  }

  const stdout = listenerSink(
    afterLine(nonce, begun, (chunk) => (signal.aborted ? undefined : onStdout(chunk))),
  );
  const stderr = listenerSink((chunk) => {
    if (group === undefined && early.length < EARLY_LIMIT) early = Buffer.concat([early, chunk]);
    return signal.aborted ? undefined : onStderr(chunk);
  });
  const stopListening = onAbort(signal, end);
  // It may break before the command has begun to read it.
  const onBroken = (error: Error): void => done.abort(error);
  const input = stdin === undefined || Buffer.isBuffer(stdin) ? undefined : stdin;
  if (input !== undefined && input.errored !== null) onBroken(input.errored);
  input?.once('error', onBroken);
  try {
    const { exitCode, exitSignal } = await connection.exec(line, {
      signal: done.signal,
      stdout,
      stderr,
      ...(stdin !== undefined && { stdin }),
    });
    await ending;
    signal.throwIfAborted();
    stdout.end();
    stderr.end();
    await Promise.all([finished(stdout), finished(stderr)]);
    if (group !== undefined) return { exitCode, exitSignal };
    throw new ConnectionError('failed', `Cannot run a command: ${lastLine(early)}`);
  } catch (error) {
    await ending;
    signal.throwIfAborted();
    // What broke is on this side: its input, or who takes its outputs.
    if (group !== undefined && !(error instanceof ConnectionError))
      await endGroup(connection, command, group).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(limit);
    stopListening();
    input?.off('error', onBroken);
    stdout.destroy();
    stderr.destroy();
  }
}

/** Ends the process group of a command: TERM, then KILL after 2 s. */
export async function endGroup(
  connection: Connection,
  { user }: Pick<Words, 'user'>,
  group: CommandGroup,
): Promise<void> {
  const options = { signal: AbortSignal.timeout(ENDING_LIMIT), stdin: finishProgram(group) };
  await connection.exec(commandOf(user)(['sh', '-s']), options);
}
