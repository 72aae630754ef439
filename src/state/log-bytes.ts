import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Mask } from '../mask.ts';

/**
 * Makes the bytes stand at a position of a file, which has all bytes before it, and answers the position after
 * them. Bytes that stand there already are not written again; where others stand, the file is cut off first.
 */
export function writeAt(path: string, position: number, bytes: Buffer): number {
  const file = openForWriting(path);
  try {
    const size = fstatSync(file).size;
    const same = size > position ? commonLength(file, position, bytes) : 0;
    if (same < bytes.length) {
      if (size > position + same) ftruncateSync(file, position + same);
      writeAll(file, bytes.subarray(same), position + same);
    }
    return position + bytes.length;
  } finally {
    closeSync(file);
  }
}

/** Makes the file and its directories when they are not there. */
function openForWriting(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (!isMissing(error)) throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  }
}

function commonLength(file: number, position: number, bytes: Buffer): number {
  const there = readAt(file, position, bytes.length);
  if (there.equals(bytes.subarray(0, there.length))) return there.length;
  let same = 0;
  while (there[same] === bytes[same]) same += 1;
  return same;
}

/** At most `length` bytes; fewer at the end of the file. */
function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function writeAll(file: number, bytes: Buffer, position: number): void {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(file, bytes, written, bytes.length - written, position + written);
}

/** Rewrites a file with a mask; whoever reads it sees the old or the new one. Nothing happens when there is none. */
export async function copyMasked(path: string, mask: Mask): Promise<void> {
  const source = createReadStream(path);
  const draft = `${path}.scrub`;
  try {
    const stream = mask.stream();
    let target: Awaited<ReturnType<typeof open>> | undefined;
    try {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        target ??= await open(draft, 'w', 0o600);
        await target.writeFile(stream.push(chunk));
      }
      await target?.writeFile(stream.end());
    } finally {
      await target?.close();
    }
    if (target !== undefined) await rename(draft, path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

const TAIL_LINES = 20;
const TAIL_LINE_LENGTH = 500;
const TAIL_BYTES = 256 * 1_024;

/**
 * The last 20 lines of a file, each cut to 500 characters and without control characters, so that a terminal can
 * show them. Only the last 256 KiB are looked at. None when there is no file.
 */
export function readTail(path: string): readonly string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  try {
    const size = fstatSync(file).size;
    const start = Math.max(size - TAIL_BYTES, 0);
    return lastLines(readAt(file, start, size - start).toString());
  } finally {
    closeSync(file);
  }
}

/** The last 20 lines of a text, as `readTail` answers them. */
export function lastLines(text: string): readonly string[] {
  const lines = text.replace(/\r?\n$/, '').split('\n');
  return text === '' ? [] : lines.slice(-TAIL_LINES).map(printable);
}

function printable(line: string): string {
  const text = stripVTControlCharacters(line).replace(/(?!\t)\p{Cc}/gu, '');
  return text.length <= TAIL_LINE_LENGTH ? text : `${text.slice(0, TAIL_LINE_LENGTH - 1)}…`;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
