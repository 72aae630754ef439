import { mkdtemp, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';

/** Bytes that are read at once of what is kept. */
const PIECE = 64 * 1024;

/** One input for many machines, each of which gets all of it. */
export interface SharedInput extends AsyncDisposable {
  /** What a machine reads. */
  of(machine: string): Readable;
  /** The machine wants no more of it, or never did. */
  drop(machine: string): void;
}

/**
 * Gives every machine what comes as it comes; the slowest sets the pace. `machines` have to be worked on at the same
 * time. The source is not destroyed: reading it ends with the last machine that wants it.
 */
export function shareLive(source: Readable, machines: readonly string[]): SharedInput {
  const streams = new Map(machines.map((name) => [name, new PassThrough()]));
  const full = new Set<PassThrough>();

  function free(stream: PassThrough): void {
    full.delete(stream);
    if (full.size === 0 && streams.size > 0) source.resume();
  }
  function onData(chunk: Buffer | string): void {
    for (const stream of streams.values()) {
      if (stream.write(chunk)) continue;
      full.add(stream);
      stream.once('drain', () => free(stream));
    }
    if (full.size > 0) source.pause();
  }
  function onEnd(): void {
    for (const stream of streams.values()) stream.end();
  }
  function onError(error: Error): void {
    for (const stream of streams.values()) stream.destroy(error);
  }
  function leave(): void {
    stopListening();
    source.pause();
  }
  function drop(machine: string): void {
    const stream = streams.get(machine);
    if (stream === undefined) return;
    streams.delete(machine);
    stream.destroy();
    free(stream);
    if (streams.size === 0) leave();
  }

  for (const stream of streams.values()) stream.on('error', () => undefined);
  const stopListening = listen(source, { onData, onEnd, onError });
  return {
    of(machine) {
      const stream = streams.get(machine);
      if (stream === undefined) throw new Error(`The input of "${machine}" is over. This is a bug in plan.`);
      return stream;
    },
    drop,
    [Symbol.asyncDispose]() {
      for (const machine of [...streams.keys()]) drop(machine);
      return Promise.resolve();
    },
  };
}

/**
 * Keeps what comes in a temporary file, for machines of which some begin when others have ended. Those that read are
 * given what is there and wait for more, so that a source that never ends keeps nobody from beginning.
 */
export async function shareKept(source: Readable): Promise<SharedInput> {
  const file = await openNameless();
  const readers = new Map<string, Readable>();
  const kept: { size: number; end: 'open' | 'ended' | 'over' | { readonly error: Error } } = {
    size: 0,
    end: 'open',
  };
  let writing = Promise.resolve();
  let waiting: (() => void)[] = [];

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const one of woken) one();
  }
  function end(how: typeof kept.end): void {
    if (kept.end === 'open') kept.end = how;
    wake();
  }
  async function keep(bytes: Buffer): Promise<void> {
    try {
      await file.appendFile(bytes);
      kept.size += bytes.length;
      wake();
      if (kept.end === 'open') source.resume();
    } catch (error) {
      end({ error: error as Error });
    }
  }
  function onData(chunk: Buffer | string): void {
    source.pause();
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    writing = writing.then(() => keep(bytes));
  }
  function onEnd(): void {
    writing = writing.then(() => end('ended'));
  }
  function onError(error: Error): void {
    end({ error });
  }

  async function* read(): AsyncGenerator<Buffer, void, undefined> {
    for (let position = 0; kept.end !== 'over';) {
      if (position < kept.size) {
        const bytes = Buffer.alloc(Math.min(kept.size - position, PIECE));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, position);
        position += bytesRead;
        yield bytes.subarray(0, bytesRead);
      } else if (kept.end === 'ended') return;
      else if (kept.end !== 'open') throw kept.end.error;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  const stopListening = listen(source, { onData, onEnd, onError });
  return {
    of(machine) {
      const reader = Readable.from(read(), { objectMode: false });
      reader.on('error', () => undefined);
      readers.set(machine, reader);
      return reader;
    },
    drop(machine) {
      readers.get(machine)?.destroy();
    },
    async [Symbol.asyncDispose]() {
      stopListening();
      source.pause();
      kept.end = 'over';
      for (const reader of readers.values()) reader.destroy();
      wake();
      await writing;
      await file.close();
    },
  };
}

/** A file that is gone once it is closed, or the process has ended, however that does. */
async function openNameless(): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-input-'));
  try {
    return await open(join(directory, 'input'), 'wx+', 0o600);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Listeners {
  readonly onData: (chunk: Buffer | string) => void;
  readonly onEnd: () => void;
  readonly onError: (error: Error) => void;
}

/** Reads a source that may be over already, or closed without an end. The answer takes that back. */
function listen(source: Readable, { onData, onEnd, onError }: Listeners): () => void {
  const onClose = (): void => {
    if (source.errored !== null) onError(source.errored);
    else if (source.readableEnded) onEnd();
    else onError(new Error('the input was closed before its end'));
  };
  if (source.destroyed || source.readableEnded) {
    onClose();
    return () => undefined;
  }
  source.on('end', onEnd).on('error', onError).on('close', onClose).on('data', onData);
  return () => void source.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
}
