import { ConnectionError } from './connection.ts';

/** Takes a stream of bytes apart. All reject when the stream ends before. */
export interface ByteReader {
  take(size: number): Promise<Buffer>;
  skip(size: number): Promise<void>;
  /** What comes before the next such byte, which is taken too. Rejects when there is none among so many. */
  until(byte: number, limit: number): Promise<Buffer>;
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
      await fill();
      const piece = held.subarray(0, left);
      held = held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async function fill(): Promise<void> {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done === true) throw new ConnectionError('failed', 'Cannot copy: it was cut off');
      held = next.value;
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
    async until(byte, limit) {
      const parts: Buffer[] = [];
      for (let length = 0; ;) {
        await fill();
        const at = held.indexOf(byte);
        const end = at < 0 ? held.length : at;
        length += end;
        if (length > limit)
          throw new ConnectionError('failed', 'Cannot copy: what the machine sent is too long');
        parts.push(held.subarray(0, end));
        held = held.subarray(at < 0 ? end : end + 1);
        if (at >= 0) return Buffer.concat(parts);
      }
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
