import { open } from 'node:fs/promises';
import { ConnectionError } from './connection.ts';
import { BLOCK, encodeHeader, padding } from './tree-header.ts';
import { copyError } from './tree-survey.ts';
import type { Tree, TreeEntry } from './tree-survey.ts';

/** Bytes that are read at once, and that small things are collected to. */
const PIECE = 256 * 1024;

const TYPES = { file: '0', directory: '5', link: '2' } as const;

/**
 * A tar archive of a tree, whose top is called `tree`, and an empty file `whole` after it, which tells that nothing is
 * missing. The top directory may be moved by whoever gets it, whatever its mode.
 */
export async function* packTree(
  { entries }: Tree,
  onBytes: (count: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  let small: Buffer[] = [];
  let size = 0;
  for (const entry of entries) {
    for await (const piece of packEntry(entry, onBytes)) {
      small.push(piece);
      size += piece.length;
      if (size < PIECE) continue;
      yield Buffer.concat(small);
      small = [];
      size = 0;
    }
  }
  const whole = { type: '0', name: 'whole', target: '', mode: 0o600, size: 0, modified: 0 };
  yield Buffer.concat([...small, encodeHeader(whole), Buffer.alloc(2 * BLOCK)]);
}

async function* packEntry(entry: TreeEntry, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  const { kind, name, size, modified, target } = entry;
  const path = name === '' ? 'tree' : `tree/${name}`;
  yield encodeHeader({
    type: TYPES[kind],
    name: kind === 'directory' ? `${path}/` : path,
    target,
    mode: kind === 'directory' && name === '' ? entry.mode | 0o700 : entry.mode,
    size,
    modified,
  });
  if (kind !== 'file') return;
  for await (const piece of content(entry)) {
    onBytes(piece.length);
    yield piece;
  }
  yield padding(size);
}

async function* content({ path, size }: TreeEntry): AsyncGenerator<Buffer> {
  const file = await open(path).catch((error: unknown) => Promise.reject(copyError(path, error)));
  try {
    for (let left = size; left > 0;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(left, PIECE)));
      if (bytesRead === 0)
        throw new ConnectionError('failed', `Cannot copy "${path}": it became shorter meanwhile`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
