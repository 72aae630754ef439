import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

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
    source.off('data', onData).off('end', onEnd).off('error', onError).pause();
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
  source.on('end', onEnd).on('error', onError).on('data', onData);
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

/** Keeps all of the source in a temporary file, for machines of which some begin when others have ended. */
export async function shareKept(
  source: Readable,
  { signal }: { readonly signal: AbortSignal },
): Promise<SharedInput> {
  const directory = await mkdtemp(join(tmpdir(), 'plan-input-'));
  const path = join(directory, 'input');
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    await pipeline(source, createWriteStream(path, { mode: 0o600 }), { signal });
  } catch (error) {
    await remove();
    throw error;
  }
  return { of: () => createReadStream(path), drop: () => undefined, [Symbol.asyncDispose]: remove };
}
