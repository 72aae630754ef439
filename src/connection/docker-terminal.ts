import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Duplex as DuplexStream } from 'node:stream';
import type { TerminalSize } from '../pseudo-terminal.ts';
import { onAbort } from './abort.ts';
import type { Terminal, TerminalEnd } from './terminal.ts';

export interface DockerTerminalParts {
  /** The conversation with the engine, which has no frames. */
  readonly stream: Duplex;
  readonly signal: AbortSignal;
  readonly resize: (size: TerminalSize) => Promise<void>;
  readonly exitCode: (signal: AbortSignal) => Promise<number>;
  /** Ends what runs in the terminal, which goes on when nobody listens any more. */
  readonly hangUp: () => Promise<unknown>;
  /** Why the connection is over; undefined while it is not. */
  readonly lost: () => Error | undefined;
}

/** A variable by which what runs in a terminal of a container is found. */
export const TERMINAL_MARK = 'PLAN_TERMINAL';

export function terminalMark(): string {
  return `${TERMINAL_MARK}=${randomBytes(16).toString('hex')}`;
}

/** A command line that hangs up on everything that has this mark. A busybox reads no line beyond a NUL. */
export function hangUpCommand(mark: string): string {
  return `for file in /proc/[0-9]*/environ; do
  process=\${file%/environ} process=\${process#/proc/}
  [ "$process" = "$$" ] || ! tr '\\0' '\\n' 2>/dev/null <"$file" | grep -qxF ${mark} || kill -HUP "$process" 2>/dev/null
done`;
}

/**
 * Has a command line begin when its terminal has a size: engines before API 1.42 are told of it after the command. One
 * that is never told begins after a second.
 */
export const AWAIT_SIZE = `plan_n=0
while [ "$plan_n" -lt 50 ] && [ "$(stty size 2>/dev/null)" = '0 0' ]; do
  plan_n=$((plan_n+1)); sleep 0.02 2>/dev/null || { sleep 1; plan_n=50; }
done
unset plan_n
`;

export function dockerTerminal({
  stream,
  signal,
  resize,
  exitCode,
  hangUp,
  lost,
}: DockerTerminalParts): Terminal {
  const terminal = new DuplexStream({
    read: () => void stream.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (stream.destroyed || stream.write(chunk)) done();
      else {
        const go = (): void => {
          stream.off('drain', go).off('close', go);
          done();
        };
        stream.on('drain', go).on('close', go);
      }
    },
    final(done) {
      stream.end();
      done();
    },
    destroy(error, done) {
      stream.destroy();
      done(error);
    },
  });
  terminal.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    if (!terminal.push(chunk)) stream.pause();
  });
  stream.on('error', () => undefined);
  stream.once('end', () => stream.destroy());
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  const ended = end();
  ended.catch(() => undefined);

  async function end(): Promise<TerminalEnd> {
    const stopListening = onAbort(signal, () => stream.destroy());
    await closed;
    stopListening();
    try {
      const failure = lost();
      if (failure !== undefined) throw failure;
      if (signal.aborted) {
        await hangUp();
        throw signal.reason;
      }
      const code = await exitCode(signal);
      terminal.push(null);
      return { exitCode: code, exitSignal: null };
    } catch (error) {
      terminal.destroy(error as Error);
      throw error;
    }
  }

  return {
    input: terminal,
    output: terminal,
    resize: latest(resize),
    ended,
  };
}

/** One call at a time, of those that had to wait the last. A terminal that is gone meanwhile has no size. */
function latest(resize: (size: TerminalSize) => Promise<void>): (size: TerminalSize) => void {
  let wanted: TerminalSize | undefined;
  let isAtWork = false;
  async function work(): Promise<void> {
    isAtWork = true;
    for (let size = wanted; size !== undefined; size = wanted) {
      wanted = undefined;
      await resize(size).catch(() => undefined);
    }
    isAtWork = false;
  }
  return (size) => {
    wanted = size;
    if (!isAtWork) void work();
  };
}
