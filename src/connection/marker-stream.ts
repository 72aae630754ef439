/** What a program on a machine tells between what scripts print: a line that begins with the nonce. */
export interface MarkerListener {
  onMarker(word: string, rest: string): void;
  /** Bytes between two markers, as they come. */
  onData(chunk: Buffer): void;
}

/** Splits a byte stream at markers (`<nonce> word rest\n`), wherever chunks are cut. Holds back only what may be one. */
export function createMarkerStream(nonce: string, listener: MarkerListener): (chunk: Buffer) => void {
  const sign = Buffer.from(`${nonce} `, 'latin1');
  let held = Buffer.alloc(0);

  return (chunk) => {
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const at = rest.indexOf(sign);
      if (at < 0) break;
      if (at > 0) listener.onData(rest.subarray(0, at));
      const end = rest.indexOf(0x0a, at);
      if (end < 0) {
        held = Buffer.from(rest.subarray(at));
        return;
      }
      const line = rest.toString('utf8', at + sign.length, end);
      const space = line.indexOf(' ');
      rest = rest.subarray(end + 1);
      if (space < 0) listener.onMarker(line, '');
      else listener.onMarker(line.slice(0, space), line.slice(space + 1));
    }
    const keep = overlap(rest, sign);
    if (rest.length > keep) listener.onData(rest.subarray(0, rest.length - keep));
    held = Buffer.from(rest.subarray(rest.length - keep));
  };
}

/** Length of the longest end of `buffer` with which `sign` begins. */
function overlap(buffer: Buffer, sign: Buffer): number {
  for (let length = Math.min(buffer.length, sign.length - 1); length > 0; length -= 1) {
    if (buffer.subarray(buffer.length - length).equals(sign.subarray(0, length))) return length;
  }
  return 0;
}
