import type { Duplex } from 'node:stream';
import { frameReader } from '../docker-frames.ts';
import { onAbort } from './abort.ts';
import type { ExecOptions } from './connection.ts';
import { onFailure, pausing } from './transfer-output.ts';

/**
 * Feeds a command and collects what it prints, until the engine ends the stream. A command need not read what it is
 * fed with: that its input breaks is no failure.
 */
export async function conversation(
  stream: Duplex,
  { signal, stdin, onStdout, onStderr, ...sinks }: ExecOptions,
): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer }> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const read = frameReader(
    pausing(stream, { sink: sinks.stdout, listener: onStdout, kept: stdout }),
    pausing(stream, { sink: sinks.stderr, listener: onStderr, kept: stderr }),
  );
  const isStream = typeof stdin === 'object' && !Buffer.isBuffer(stdin);
  await new Promise<void>((resolve, reject) => {
    function give(error: Error): void {
      stream.removeAllListeners('data').destroy();
      reject(error);
    }
    const stopListening = onAbort(signal, () => give(signal.reason as Error));
    const stopWatching = onFailure([sinks.stdout, sinks.stderr], give);
    stream.on('data', read);
    stream.on('error', () => undefined);
    stream.once('end', () => stream.destroy());
    stream.once('close', () => {
      stopListening();
      stopWatching();
      if (isStream) {
        stdin.unpipe(stream);
        stdin.off('error', give);
      }
      resolve();
    });
    if (isStream) {
      stdin.on('error', give);
      stdin.pipe(stream);
    } else if (stdin !== undefined) stream.end(stdin);
    if (signal.aborted) give(signal.reason as Error);
  });
  return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}
