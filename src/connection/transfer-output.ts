import { Writable } from 'node:stream';
import type { Readable } from 'node:stream';

/** Where one stream of a command goes: a sink, a listener, or else what is kept. */
export interface Outlet {
  readonly sink: Writable | undefined;
  readonly listener: ((chunk: Buffer) => void) | undefined;
  readonly kept: Buffer[];
}

export function pour(from: Readable, { sink, listener, kept }: Outlet): void {
  if (sink !== undefined) from.pipe(sink, { end: false });
  else from.on('data', listener ?? ((chunk: Buffer) => kept.push(chunk)));
}

/**
 * A listener that writes to a sink and pauses a stream while the sink takes no more. A sink that others share the
 * stream with may be given a little more than it takes.
 */
export function pausing(stream: Readable, { sink, listener, kept }: Outlet): (chunk: Buffer) => void {
  if (sink === undefined) return listener ?? ((chunk) => void kept.push(chunk));
  let isFull = false;
  return (chunk) => {
    if (sink.write(chunk) || isFull) return;
    isFull = true;
    stream.pause();
    sink.once('drain', () => {
      isFull = false;
      stream.resume();
    });
  };
}

/** Calls back when a sink fails; the answer takes that back. */
export function onFailure(
  sinks: readonly (Writable | undefined)[],
  tell: (error: Error) => void,
): () => void {
  for (const sink of sinks) sink?.once('error', tell);
  return () => {
    for (const sink of sinks) sink?.off('error', tell);
  };
}

/** A sink that gives a listener each chunk, and waits for a promise that it answers before it takes the next. */
export function listenerSink(listener: (chunk: Buffer) => unknown): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        const answer = listener(chunk);
        if (answer instanceof Promise) answer.then(() => done(), done);
        else done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/**
 * Tells the first line that begins with the nonce, without it, and passes on what follows. What an initialization file
 * of a shell printed before is dropped.
 */
export function afterLine(
  nonce: string,
  tell: (line: string) => void,
  pass: (chunk: Buffer) => unknown,
): (chunk: Buffer) => unknown {
  const sign = Buffer.from(`${nonce} `);
  let held: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    if (held === undefined) return pass(chunk);
    held = Buffer.concat([held, chunk]);
    const at = held.indexOf(sign);
    const newline = at < 0 ? -1 : held.indexOf(0x0a, at);
    if (newline < 0) {
      held = held.subarray(at < 0 ? Math.max(0, held.length - sign.length) : at);
      return undefined;
    }
    const line = held.toString('utf8', at + sign.length, newline);
    const rest = held.subarray(newline + 1);
    held = undefined;
    tell(line);
    return rest.length > 0 ? pass(rest) : undefined;
  };
}
