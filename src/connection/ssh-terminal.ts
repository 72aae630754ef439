import type { Readable } from 'node:stream';
import { onAbort } from './abort.ts';
import { channelStream } from './channel-stream.ts';
import type { Channel } from './channel-stream.ts';
import { ConnectionError } from './connection.ts';
import type { Terminal, TerminalEnd } from './terminal.ts';

/** A channel of the SSH library with a terminal. */
export interface TerminalChannel extends Channel {
  readonly stderr: Readable;
  setWindow?(rows: number, columns: number, height: number, width: number): void;
}

/** `lost`: why the connection is over; undefined while it is not. */
export function sshTerminal(
  channel: TerminalChannel,
  { where, signal, lost }: { where: string; signal: AbortSignal; lost: () => Error | undefined },
): Terminal {
  const stream = channelStream(channel, lost);
  const end: { exitCode: number | null; exitSignal: string | null } = { exitCode: null, exitSignal: null };
  channel.stderr.resume();
  channel.once('exit', (code: number | null, name?: string) => {
    end.exitCode = code;
    end.exitSignal = code === null ? (name ?? 'KILL').replace(/^SIG/, '') : null;
  });
  const ended = new Promise<TerminalEnd>((resolve, reject) => {
    const stopListening = onAbort(signal, () => stream.destroy(signal.reason as Error));
    // Whoever reads it may have no interest in why it broke.
    stream.on('error', reject);
    channel.once('close', () => {
      stopListening();
      if (end.exitCode !== null || end.exitSignal !== null) resolve(end);
      else
        reject(
          lost() ??
            (signal.aborted
              ? (signal.reason as Error)
              : new ConnectionError(
                  'lost',
                  `Cannot go on with "${where}": a terminal ended without an exit code`,
                )),
        );
    });
  });
  ended.catch(() => undefined);
  return {
    input: stream,
    output: stream,
    resize: ({ columns, rows }) => channel.setWindow?.(rows, columns, 0, 0),
    ended,
  };
}
