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
import { converse } from './ssh-conversation.ts';
import { sshTerminal } from './ssh-terminal.ts';
import type { TerminalChannel } from './ssh-terminal.ts';
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
  exec(command: string, options: { readonly pty: Window }, opened: Opened): unknown;
  shell(window: Window, opened: Opened): unknown;
  forwardOut(fromHost: string, fromPort: number, host: string, port: number, opened: Opened): unknown;
  unforwardIn(host: string, port: number, answered: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

type Opened = (error: Error | undefined, channel: ShellChannel & TerminalChannel) => void;

/** The size of a terminal, and the kind that it is of. */
interface Window {
  readonly cols: number;
  readonly rows: number;
  readonly term: string;
}

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
    arrived: (channel: ShellChannel & TerminalChannel) => T | Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    if (!isOpen()) throw lostError();
    return await new Promise<T>((resolve, reject) => {
      const stopListening = onAbort(signal, () => reject(signal.reason as Error));
      function opened(error: Error | undefined, channel: ShellChannel & TerminalChannel): void {
        stopListening();
        if (error !== undefined) {
          const message = `Cannot ${what} on "${where}": ${refusal(error)}`;
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
    async terminal({ command, columns, rows, term }, { signal }) {
      const pty = { cols: columns, rows, term };
      const release = await sessions.acquire(signal);
      try {
        return await persist(
          () =>
            openChannel(
              'open a terminal',
              signal,
              (opened) =>
                command === null ? client.shell(pty, opened) : client.exec(command, { pty }, opened),
              (channel) => {
                channel.once('close', release);
                return sshTerminal(channel, {
                  where,
                  signal,
                  lost: () => (isOpen() ? undefined : lostError()),
                });
              },
            ),
          signal,
        );
      } catch (error) {
        release();
        throw error;
      }
    },
    async isAsNew({ signal }) {
      if (!isOpen()) return false;
      // What was never forwarded is refused, which is an answer, too.
      const answered = new Promise<void>((resolve) => client.unforwardIn('127.0.0.1', 1, resolve));
      await abortable(Promise.race([answered, closed]), signal);
      const isBusy = (): boolean => sessions.taken() > (spare.isKept() ? 1 : 0);
      // What has ended may not have been confirmed.
      for (let tries = 0; isOpen() && isBusy() && tries < SESSION_TRIES; tries += 1)
        await abortable(delay(FIRST_PAUSE), signal);
      return isOpen() && !isBusy();
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

/** The library's own words around those of the server, which may have none. */
function refusal({ message }: Error): string {
  return message.replace(/^\(SSH\) Channel open failure: ?/, '') || 'it was refused';
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
