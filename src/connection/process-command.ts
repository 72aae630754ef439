import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { ExecOptions, ExecResult } from './connection.ts';
import { onFailure, pour } from './transfer-output.ts';

/** Where a command runs and with what. */
export interface ProcessPlace {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Runs a command line with `/bin/sh`, as sshd does: in a session of its own, so that it outlives this process and
 * hears nothing of its terminal. Cancelled, it is hung up on: the shell alone, for a script on its way to a session of
 * its own, which must not end, is in the shell's process group still.
 */
export async function runProcess(
  command: string,
  { signal, stdin, onStdout, onStderr, ...sinks }: ExecOptions,
  { directory, environment }: ProcessPlace,
): Promise<ExecResult> {
  signal.throwIfAborted();
  return await new Promise<ExecResult>((resolve, reject) => {
    const child = start(command, { directory, environment });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const stopListening = onAbort(signal, () => giveUp(signal.reason as Error));
    const stopWatching = onFailure([sinks.stdout, sinks.stderr], giveUp);

    function settled(): void {
      stopListening();
      stopWatching();
      if (typeof stdin === 'object' && !Buffer.isBuffer(stdin)) {
        stdin.removeListener('error', giveUp);
        stdin.unpipe(child.stdin);
      }
    }
    function giveUp(error: Error): void {
      settled();
      hangUp(child);
      reject(error);
    }

    child.once('error', (error) => {
      settled();
      reject(cannotRun(directory, error));
    });
    pour(child.stdout, { sink: sinks.stdout, listener: onStdout, kept: stdout });
    pour(child.stderr, { sink: sinks.stderr, listener: onStderr, kept: stderr });
    child.once('close', (exitCode, exitSignal) => {
      settled();
      resolve({
        exitCode,
        exitSignal: exitSignal?.replace(/^SIG/, '') ?? null,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr),
      });
    });
    // A command need not read its input to the end.
    child.stdin.on('error', () => child.stdin.destroy());
    if (stdin === undefined) child.stdin.end();
    else if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) child.stdin.end(stdin);
    else {
      stdin.once('error', giveUp);
      stdin.pipe(child.stdin);
    }
  });
}

function start(command: string, { directory, environment }: ProcessPlace): ChildProcessWithoutNullStreams {
  try {
    return spawn('/bin/sh', ['-c', command], {
      cwd: directory,
      env: environment,
      detached: true,
      stdio: 'pipe',
    });
  } catch (error) {
    throw cannotRun(directory, error);
  }
}

function cannotRun(directory: string, error: unknown): ConnectionError {
  const why = error instanceof Error ? error.message : String(error);
  return new ConnectionError('failed', `Cannot run a command in "${directory}": ${why}`, { cause: error });
}

function hangUp(child: ChildProcessWithoutNullStreams): void {
  for (const stream of [child.stdout, child.stderr]) stream.removeAllListeners('data').destroy();
  child.stdin.destroy();
  child.kill('SIGHUP');
  child.unref();
}
