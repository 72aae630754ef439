import { PassThrough } from 'node:stream';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { lastLine } from './download.ts';
import { createMarkerStream } from './marker-stream.ts';
import type { CommandOf } from './upload.ts';

/** Follows a log from its first byte until a line arrives on standard input, then takes up at the byte after it. */
export const FOLLOW = `
cd "$1/$2" || exit 1
umask 077
: >followed
printf "%s begin\\n" "$3"
tail -c +1 -f log &
follower=$!
trap 'kill "$follower" 2>/dev/null; exit 1' HUP
read -r word
kill "$follower" 2>/dev/null
wait "$follower" 2>/dev/null
printf "%s stopped\\n" "$3"
read -r seen || exit 0
exec tail -c "+$((seen + 1))" log`;

/** A run, and how to reach its files. */
export interface FollowedRun {
  /** Absolute. */
  readonly base: string;
  readonly name: string;
  /** Begins every line that programs on the machine tell. */
  readonly nonce: string;
  readonly command: CommandOf;
  /** The words that start a shell. */
  readonly shell: readonly string[];
}

export interface LogFollower {
  /** Resolves when the whole log of an ended run was passed on. */
  finish(): Promise<void>;
  /** Resolves when the channel is done with, whatever the cause. */
  readonly ended: Promise<void>;
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (offset: number, chunk: Buffer) => void;
}

/** Passes a log on while it grows, over a channel of its own. */
export function followLog(
  connection: Connection,
  { base, name, nonce, command, shell }: FollowedRun,
  { signal, onBytes }: FollowOptions,
): LogFollower {
  const stdin = new PassThrough();
  let offset = 0;
  let state: 'opening' | 'following' | 'finishing' | 'rest' = 'opening';
  let finishing = false;
  function stop(): void {
    if (state !== 'following' || !finishing) return;
    state = 'finishing';
    stdin.write('stop\n');
  }
  const onStdout = createMarkerStream(nonce, {
    onMarker(word) {
      if (word === 'begin') {
        state = 'following';
        stop();
      } else if (word === 'stopped') {
        state = 'rest';
        stdin.end(`${offset}\n`);
      }
    },
    onData(chunk) {
      if (state === 'opening') return;
      onBytes(offset, chunk);
      offset += chunk.length;
    },
  });
  const line = command([...shell, '-c', FOLLOW, 'sh', base, name, nonce]);
  const done = connection.exec(line, { signal, stdin, onStdout }).then(({ exitCode, stderr }) => {
    if (exitCode === 0 && state === 'rest') return;
    const why =
      exitCode === null || state !== 'opening' ? 'the process that read it is gone' : lastLine(stderr);
    throw new ConnectionError(
      state === 'opening' ? 'failed' : 'lost',
      `Cannot read the log of "${name}": ${why}`,
    );
  });
  const ended = done.then(
    () => undefined,
    () => undefined,
  );
  return {
    async finish() {
      finishing = true;
      stop();
      await done;
    },
    ended,
  };
}
