import { once } from 'node:events';
import type { ExecOptions, ExecResult } from './connection.ts';
import type { ShellChannel } from './spare-shell.ts';
import { onFailure, pour } from './transfer-output.ts';

/** Feeds a command and collects what it prints, until its channel is closed. */
export async function converse(
  channel: ShellChannel,
  { signal, stdin, onStdout, onStderr, ...sinks }: ExecOptions,
): Promise<ExecResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const end: { exitCode: number | null; exitSignal: string | null } = { exitCode: null, exitSignal: null };
  pour(channel, { sink: sinks.stdout, listener: onStdout, kept: stdout });
  pour(channel.stderr, { sink: sinks.stderr, listener: onStderr, kept: stderr });
  channel.once('exit', (code: number | null, name?: string) => {
    end.exitCode = code;
    end.exitSignal = code === null ? (name ?? 'KILL').replace(/^SIG/, '') : null;
  });
  const done = once(channel, 'close', { signal });
  let stopWatching: (() => void) | undefined;
  const failure = new Promise<never>((_resolve, reject) => {
    stopWatching = onFailure([sinks.stdout, sinks.stderr], reject);
  });
  if (stdin === undefined) channel.end();
  else if (typeof stdin === 'string' || Buffer.isBuffer(stdin)) channel.end(stdin);
  else stdin.pipe(channel);
  channel.resume();
  channel.stderr.resume();
  try {
    await Promise.race([done, failureOf(stdin), failure]);
  } catch (error) {
    channel.unpipe();
    channel.stderr.unpipe();
    channel.removeAllListeners('data').resume();
    channel.stderr.removeAllListeners('data').resume();
    channel.close();
    done.catch(() => undefined);
    signal.throwIfAborted();
    throw error;
  } finally {
    stopWatching?.();
    if (typeof stdin === 'object' && !Buffer.isBuffer(stdin)) stdin.unpipe(channel);
  }
  return { ...end, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

/** Rejects when a stream fails; never settles otherwise. */
function failureOf(stdin: ExecOptions['stdin']): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (typeof stdin === 'object' && !Buffer.isBuffer(stdin)) stdin.once('error', reject);
  });
}
