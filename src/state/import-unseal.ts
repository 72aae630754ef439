import { createDecipheriv } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { UsageError } from '../errors.ts';
import type { SealKeys } from './export-header.ts';
import {
  CIPHER,
  damaged,
  HEADER_BYTES,
  nonceOf,
  PIECE_BYTES,
  readHeader,
  TAG_BYTES,
} from './export-header.ts';
import { explained } from './state-error.ts';

/** A sealed file that the passphrase opens. */
export interface Sealed extends Disposable {
  /**
   * All lines, from the first one on: each call reads the file again, a piece at a time. Throws `UsageError` where the
   * file is damaged or cut off; what came before that is as it was written.
   */
  lines(): Generator<string, void, undefined>;
}

const NEWLINE = 10;
/** What does not compress grows by this at most. */
const SLACK = 1_024;
/** Longest line that is read. */
const LINE_BYTES = 64 * 1_024 * 1_024;

/** Rejects with `UsageError` as `readHeader` does, with `StateError` when the file cannot be read. */
export async function openSealed(path: string, passphrase: string): Promise<Sealed> {
  const reading = `read the export "${path}"`;
  const file = explained(reading, () => openThere(path));
  try {
    const size = explained(reading, () => fstatSync(file).size);
    const { length, keys } = await readHeader(path, readAt(0, Math.min(size, HEADER_BYTES)), passphrase);
    return {
      lines: () => linesOf(path, pieces(length, size, keys)),
      [Symbol.dispose]: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }

  function readAt(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const count = explained(reading, () => readSync(file, bytes, read, length - read, position + read));
      if (count === 0) throw damaged(path, 'it is cut off');
      read += count;
    }
    return bytes;
  }

  function* pieces(start: number, size: number, keys: SealKeys): Generator<Buffer, void, undefined> {
    let position = start;
    for (let number = 0; ; number += 1) {
      if (position + 4 > size) throw damaged(path, 'it is cut off');
      const length = readAt(position, 4).readUInt32BE();
      if (length < TAG_BYTES || length > PIECE_BYTES + SLACK) throw damaged(path);
      if (position + 4 + length > size) throw damaged(path, 'it is cut off');
      const body = readAt(position + 4, length);
      position += 4 + length;
      const isLast = position === size;
      const piece = unsealed(body, number, isLast, keys);
      if (piece === undefined && isLast && unsealed(body, number, false, keys) !== undefined)
        throw damaged(path, 'it is cut off');
      if (piece === undefined) throw damaged(path);
      yield piece;
      if (isLast) return;
    }
  }
}

function openThere(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`Cannot read the export "${path}": there is no such file`);
  if (!found.isFile()) throw new UsageError(`Cannot read the export "${path}": it is not a file`);
  return openSync(path, 'r');
}

/** Undefined: it is not what was sealed under this number. */
function unsealed(
  body: Buffer,
  number: number,
  isLast: boolean,
  { key, associated }: SealKeys,
): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonceOf(number, isLast), { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  try {
    const compressed = Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]);
    return inflateRawSync(compressed, { maxOutputLength: PIECE_BYTES });
  } catch {
    return undefined;
  }
}

function* linesOf(path: string, pieces: Iterable<Buffer>): Generator<string, void, undefined> {
  let begun: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, piece.subarray(from, end)]).toString('utf8');
      begun = [];
      size = 0;
      from = end + 1;
    }
    begun.push(piece.subarray(from));
    size += piece.length - from;
    if (size > LINE_BYTES) throw damaged(path);
  }
  if (size > 0) throw damaged(path, 'it is cut off');
}
