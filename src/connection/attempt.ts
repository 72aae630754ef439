import { onAbort } from './abort.ts';
import { ConnectionError } from './connection.ts';
import type { Connection } from './connection.ts';
import { lastLine } from './download.ts';
import { createMarkerStream } from './marker-stream.ts';
import { finishProgram } from './script-program.ts';
import type { RunOptions, ScriptEnd } from './script-runner.ts';

/** Milliseconds for ending a cancelled script, which is killed after 2 s. */
const CANCEL_LIMIT = 5_000;

/** Something has to be uploaded first, relative to `home`. */
export interface Missing {
  readonly kind: 'missing';
  readonly home: string;
}

/** What the machine said so far. */
interface Told {
  state: 'starting' | 'running' | 'over';
  answer: ScriptEnd | Missing | undefined;
  /** pid, start time and boot id of the script, which leads its process group. */
  group: readonly string[] | undefined;
}

/**
 * One exec that runs a script. Aborting ends the script's process group on the machine before it rejects. A process
 * that the script leaves behind does not hold the end up, although it may hold the channel's streams.
 */
export async function attempt(
  connection: Connection,
  command: string,
  stdin: Buffer,
  nonce: string,
  { signal, onOutput }: RunOptions,
): Promise<ScriptEnd | Missing> {
  signal.throwIfAborted();
  const done = new AbortController();
  const told: Told = { state: 'starting', answer: undefined, group: undefined };
  let ending: Promise<unknown> | undefined;
  let limit: NodeJS.Timeout | undefined;

  function end(): void {
    if (!signal.aborted || told.answer !== undefined) return;
    limit ??= setTimeout(() => done.abort(), CANCEL_LIMIT);
    if (told.group === undefined) return;
    const options = { signal: AbortSignal.timeout(CANCEL_LIMIT), stdin: finishProgram(told.group) };
    ending ??= connection
      .exec(command, options)
      .catch(() => undefined)
      .finally(() => done.abort());
  }

  const onStdout = createMarkerStream(nonce, {
    onMarker(word, rest) {
      if (word === 'group') {
        told.state = 'running';
        told.group = rest.split(' ');
        end();
      } else if (word === 'exit') {
        told.state = 'over';
        if (!signal.aborted) told.answer = { kind: 'exited', exitCode: Number(rest), outputs: null };
        done.abort();
      } else if (word === 'missing') told.answer = { kind: 'missing', home: rest };
    },
    onData(chunk) {
      if (told.state === 'running') onOutput(chunk);
    },
  });

  const stopListening = onAbort(signal, end);
  try {
    const { stderr } = await connection.exec(command, { signal: done.signal, stdin, onStdout });
    if (told.answer !== undefined) return told.answer;
    signal.throwIfAborted();
    if (told.state === 'starting') {
      throw new ConnectionError('failed', `Cannot start a script: ${lastLine(stderr)}`);
    }
    throw new ConnectionError('lost', 'Cannot go on with a script: the process that waited for it is gone');
  } catch (error) {
    await ending;
    if (told.answer !== undefined) return told.answer;
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(limit);
    stopListening();
  }
}
