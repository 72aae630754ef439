import { ConnectionError } from './connection.ts';

/** Takes a stream of bytes apart. All reject when the stream ends before. */
export interface ByteReader {
  take(size: number): Promise<Buffer>;
  skip(size: number): Promise<void>;
  /** The next bytes, as they come. */
  pieces(size: number): AsyncGenerator<Buffer>;
  /** Reads what is left, of no use, to the end. */
  rest(): Promise<void>;
}

export function byteReader(source: AsyncIterable<Buffer>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  async function* pieces(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      if (held.length === 0) {
        const next = await chunks.next();
        if (next.done === true) throw new ConnectionError('failed', 'Cannot copy: it was cut off');
        held = next.value;
        continue;
      }
      const piece = held.subarray(0, left);
      held = held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  return {
    pieces,
    async take(size) {
      if (held.length >= size) {
        const piece = held.subarray(0, size);
        held = held.subarray(size);
        return piece;
      }
      const parts: Buffer[] = [];
      for await (const piece of pieces(size)) parts.push(piece);
      return Buffer.concat(parts);
    },
    async skip(size) {
      const skipped = pieces(size);
      while ((await skipped.next()).done !== true);
    },
    async rest() {
      while ((await chunks.next()).done !== true);
    },
  };
}
