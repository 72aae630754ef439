import type { OutputStream } from './output-files.ts';

/** The beginning of what machines printed. */
export interface KeptOutput {
  add(machine: string, stream: OutputStream, chunk: Buffer): void;
  /** Of a machine that printed nothing, too. It is not kept any longer. */
  take(machine: string): PrintedOutput;
}

export interface PrintedOutput {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** More was printed than this. */
  readonly isTruncated: boolean;
}

interface Kept {
  readonly chunks: Buffer[];
  /** Of all that was printed. */
  size: number;
}

/** `limit`: bytes of each output that are kept. */
export function keepOutput(limit: number): KeptOutput {
  const printed = new Map<string, Readonly<Record<OutputStream, Kept>>>();
  return {
    add(machine, stream, chunk) {
      const both = printed.get(machine) ?? { stdout: nothing(), stderr: nothing() };
      printed.set(machine, both);
      const kept = both[stream];
      const room = limit - kept.size;
      // A piece of a larger chunk would keep all of it.
      if (room > 0) kept.chunks.push(chunk.length > room ? Buffer.from(chunk.subarray(0, room)) : chunk);
      kept.size += chunk.length;
    },
    take(machine) {
      const { stdout, stderr } = printed.get(machine) ?? { stdout: nothing(), stderr: nothing() };
      printed.delete(machine);
      return {
        stdout: Buffer.concat(stdout.chunks),
        stderr: Buffer.concat(stderr.chunks),
        isTruncated: stdout.size > limit || stderr.size > limit,
      };
    },
  };
}

function nothing(): Kept {
  return { chunks: [], size: 0 };
}
