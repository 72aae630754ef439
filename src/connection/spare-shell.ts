import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { onAbort } from './abort.ts';
import type { Channel } from './channel-stream.ts';
import type { ExecResult } from './connection.ts';
import { plainCommand } from './upload.ts';

/** What script runners start on a machine, to be fed with a program. */
export const SHELL = plainCommand(['sh', '-s']);

/** Milliseconds that a shell waits for its program before it is ended. */
const PATIENCE = 5_000;

export interface ShellChannel extends Channel {
  readonly stderr: Readable;
}

/**
 * Seeing whether commands can be run on a machine takes a shell to be started, and the first program needs one again.
 * So that one does for both, it is asked for a word and kept for a while.
 */
export interface SpareShell {
  /** Has a shell that was just started answer, and keeps it; resolves as an exec of a no-op does. */
  greet(channel: ShellChannel, signal: AbortSignal): Promise<ExecResult>;
  /** The shell that is kept, to be fed with a program; undefined: none. */
  take(): ShellChannel | undefined;
  /** True while one is kept. */
  isKept(): boolean;
}

export function createSpareShell(): SpareShell {
  let kept: { readonly channel: ShellChannel; readonly timer: NodeJS.Timeout } | undefined;

  function take(): ShellChannel | undefined {
    const channel = kept?.channel;
    clearTimeout(kept?.timer);
    kept = undefined;
    return channel;
  }

  function keep(channel: ShellChannel): void {
    take()?.resume().end();
    kept = { channel, timer: setTimeout(() => take()?.resume().end(), PATIENCE).unref() };
    const forget = (): void => {
      if (kept?.channel === channel) take()?.resume();
    };
    channel.once('exit', forget).once('close', forget);
  }

  return {
    async greet(channel, signal) {
      const end = await answerOf(channel, signal);
      if (end.exitCode === 0) keep(channel);
      return end;
    },
    take,
    isKept: () => kept !== undefined,
  };
}

/** Exit code 0 once the shell has said a word; how it ended, and what it said, where it ended before. */
function answerOf(channel: ShellChannel, signal: AbortSignal): Promise<ExecResult> {
  const word = randomBytes(16).toString('hex');
  return new Promise((resolve, reject) => {
    let exitCode: number | null = null;
    let exitSignal: string | null = null;
    let stdout = Buffer.alloc(0);
    let stderr = Buffer.alloc(0);
    const stopListening = onAbort(signal, () => {
      leave();
      channel.resume().close();
      reject(signal.reason as Error);
    });
    function leave(): void {
      stopListening();
      channel.off('data', onStdout).off('exit', onExit).off('close', onClose);
      channel.stderr.off('data', onStderr);
    }
    function onStdout(chunk: Buffer): void {
      stdout = Buffer.concat([stdout, chunk]);
      if (!stdout.includes(`${word}\n`)) return;
      leave();
      channel.pause();
      channel.stderr.pause();
      resolve({ exitCode: 0, exitSignal: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) });
    }
    function onStderr(chunk: Buffer): void {
      stderr = Buffer.concat([stderr, chunk]);
    }
    function onExit(code: number | null, name = 'KILL'): void {
      exitCode = code;
      exitSignal = code === null ? name.replace(/^SIG/, '') : null;
    }
    function onClose(): void {
      leave();
      // A shell that ends is of no use, however it ends.
      resolve({ exitCode: exitCode === 0 ? 1 : exitCode, exitSignal, stdout, stderr });
    }
    channel.on('data', onStdout).once('exit', onExit).once('close', onClose);
    channel.stderr.on('data', onStderr);
    channel.write(`echo ${word}\n`);
  });
}
