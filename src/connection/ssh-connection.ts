import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { abortable, onAbort } from './abort.ts';
import { channelStream } from './channel-stream.ts';
import { ConnectionError } from './connection.ts';
import type { Connection, ExecOptions, ExecResult } from './connection.ts';
import { download } from './download.ts';
import { createSemaphore } from './semaphore.ts';
import { SHELL, createSpareShell } from './spare-shell.ts';
import type { ShellChannel } from './spare-shell.ts';
import { onFailure, pour } from './transfer-output.ts';
import { upload } from './upload.ts';

/** sshd's MaxSessions is 10. */
const SESSIONS = 8;

/**
 * sshd frees a session a moment after it closed its channel, and that of a cancelled command when the command
 * ends: a refused session is asked for again.
 */
const SESSION_TRIES = 9;
const FIRST_PAUSE = 10;

/** Milliseconds that a polite end may take. */
const GOODBYE = 1_000;

/** An authenticated client of the SSH library. */
export interface SshClient {
  exec(command: string, opened: Opened): unknown;
  forwardOut(fromHost: string, fromPort: number, host: string, port: number, opened: Opened): unknown;
  once(event: 'close', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

type Opened = (error: Error | undefined, channel: ShellChannel) => void;

export interface SshConnectionOptions {
  /** `host:port`, for messages. */
  readonly where: string;
  /** What broke the connection, in words. */
  readonly cause: () => string;
  readonly onLost: (() => void) | undefined;
}

export function sshConnection(client: SshClient, { where, cause, onLost }: SshConnectionOptions): Connection {
  const sessions = createSemaphore(SESSIONS);
  const spare = createSpareShell();
  let state: 'open' | 'closing' | 'closed' = 'open';
  const closed = new Promise<void>((resolve) => {
    client.once('close', () => {
      const lost = state === 'open';
      state = 'closed';
      if (lost) onLost?.();
      resolve();
    });
  });

  function isOpen(): boolean {
    return state === 'open';
  }

  function lostError(): ConnectionError {
    return new ConnectionError('lost', `Cannot go on with "${where}": the connection is lost, ${cause()}`);
  }

  /**
   * Opens a channel and hands it on at once: all that a short command has to say may come in the same packet. One
   * that is no longer wanted when it comes is closed.
   */
  async function openChannel<T>(
    what: string,
    signal: AbortSignal,
    open: (opened: Opened) => void,
    arrived: (channel: ShellChannel) => T | Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    if (!isOpen()) throw lostError();
    return await new Promise<T>((resolve, reject) => {
      const stopListening = onAbort(signal, () => reject(signal.reason as Error));
      function opened(error: Error | undefined, channel: ShellChannel): void {
        stopListening();
        if (error !== undefined) {
          const message = `Cannot ${what} on "${where}": ${error.message}`;
          reject(isOpen() ? new ConnectionError('failed', message, { cause: error }) : lostError());
        } else if (signal.aborted) channel.resume().close();
        else resolve(arrived(channel));
      }
      try {
        open(opened);
      } catch {
        stopListening();
        reject(lostError());
      }
    });
  }

  /** Starts a command in a session of its own and does `talk` with it, which answers how it ended. */
  async function start(
    command: string,
    signal: AbortSignal,
    talk: (channel: ShellChannel) => Promise<ExecResult>,
  ): Promise<ExecResult> {
    const release = await sessions.acquire(signal);
    const place = { used: false };
    const arrived = (channel: ShellChannel): Promise<ExecResult> => {
      place.used = true;
      // A cancelled command keeps its place until the server confirms that its channel is closed.
      channel.once('close', release);
      return talk(channel);
    };
    try {
      return await persist(
        () => openChannel('run a command', signal, (opened) => client.exec(command, opened), arrived),
        signal,
      );
    } finally {
      if (!place.used) release();
    }
  }

  /** Of a command that was heard of to its end. */
  function whole(result: ExecResult): ExecResult {
    if (!isOpen()) throw lostError();
    if (result.exitCode !== null || result.exitSignal !== null) return result;
    throw new ConnectionError('lost', `Cannot go on with "${where}": a command ended without an exit code`);
  }

  async function exec(command: string, options: ExecOptions): Promise<ExecResult> {
    const { signal } = options;
    signal.throwIfAborted();
    const shell = command === SHELL && isOpen() ? spare.take() : undefined;
    const talk = (channel: ShellChannel): Promise<ExecResult> => converse(channel, options);
    return whole(await (shell === undefined ? start(command, signal, talk) : talk(shell)));
  }

  const self: Connection = {
    async ready({ signal }) {
      return whole(await start(SHELL, signal, (channel) => spare.greet(channel, signal)));
    },
    exec,
    upload: (files, { signal }) => upload(self, files, { signal }),
    download: (path, { signal }) => download(self, path, { signal }),
    async forward({ host, port }, { signal }): Promise<Duplex> {
      return await openChannel(
        `reach ${host}:${port}`,
        signal,
        (opened) => client.forwardOut('127.0.0.1', 0, host, port, opened),
        (channel) => channelStream(channel, () => (isOpen() ? undefined : lostError())),
      );
    },
    async [Symbol.asyncDispose]() {
      if (isOpen()) {
        state = 'closing';
        client.end();
        setTimeout(() => client.destroy(), GOODBYE).unref();
      }
      await closed;
    },
  };
  return self;
}

async function persist<T>(open: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1, pause = FIRST_PAUSE; ; tries += 1, pause *= 2) {
    try {
      return await open();
    } catch (error) {
      if (!isRefusedSession(error) || tries === SESSION_TRIES) throw error;
    }
    await abortable(delay(pause), signal);
  }
}

function isRefusedSession(error: unknown): boolean {
  return (
    error instanceof ConnectionError &&
    (error.cause as { reason?: unknown } | undefined)?.reason !== undefined
  );
}

/** Feeds a command and collects what it prints, until its channel is closed. */
async function converse(
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
