/** Keeps the beginning of an output. */
export interface Keeper {
  add(chunk: Buffer): void;
  bytes(): Buffer;
  /** There was more than it keeps. */
  isTruncated(): boolean;
}

export function keeper(limit: number): Keeper {
  const chunks: Buffer[] = [];
  let left = limit;
  let isTruncated = false;
  return {
    add(chunk) {
      if (chunk.length > left) isTruncated = true;
      if (left === 0) return;
      // A piece of a larger chunk would keep all of it.
      chunks.push(chunk.length > left ? Buffer.from(chunk.subarray(0, left)) : chunk);
      left -= Math.min(left, chunk.length);
    },
    bytes: () => Buffer.concat(chunks),
    isTruncated: () => isTruncated,
  };
}
