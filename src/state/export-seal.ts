import { createCipheriv } from 'node:crypto';
import { writeSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import type { SealKeys } from './export-header.ts';
import { CIPHER, newHeader, nonceOf, PIECE_BYTES } from './export-header.ts';

/** Writes lines to a file, sealed piece by piece: no more than one piece is kept at a time. */
export interface Seal {
  line(text: string): void;
  /** Writes the last piece, without which a file counts as cut off. */
  end(): void;
}

/** Begins a sealed file; `file` is open for writing, and empty. `cost`: scrypt's N, a power of two. */
export async function startSeal(file: number, passphrase: string, cost?: number): Promise<Seal> {
  const { text, keys } = await newHeader(passphrase, cost);
  writeAll(file, Buffer.from(text));
  let number = 0;
  let pending: Buffer[] = [];
  let size = 0;

  function flush(isLast: boolean): void {
    writeAll(file, sealed(Buffer.concat(pending), number, isLast, keys));
    number += 1;
    pending = [];
    size = 0;
  }

  return {
    line(text) {
      let rest: Buffer = Buffer.from(`${text}\n`);
      while (size + rest.length >= PIECE_BYTES) {
        pending.push(rest.subarray(0, PIECE_BYTES - size));
        rest = rest.subarray(PIECE_BYTES - size);
        flush(false);
      }
      pending.push(rest);
      size += rest.length;
    },
    end: () => flush(true),
  };
}

/** Its length in four bytes, the compressed and encrypted piece, its tag. */
function sealed(piece: Buffer, number: number, isLast: boolean, { key, associated }: SealKeys): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonceOf(number, isLast));
  cipher.setAAD(associated);
  const body = Buffer.concat([cipher.update(deflateRawSync(piece)), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}
