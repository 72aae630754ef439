const HEADER = 8;
const STDERR = 2;

/**
 * Takes what an engine sends of a command or a log apart: frames with a header of eight bytes, of which the first names
 * the stream and the last four the length.
 */
export function frameReader(
  onStdout: (chunk: Buffer) => void,
  onStderr: (chunk: Buffer) => void,
): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let left = 0;
  let tell = onStdout;
  return (chunk) => {
    let offset = 0;
    while (offset < chunk.length) {
      const piece = chunk.subarray(offset, offset + (left > 0 ? left : HEADER - header.length));
      offset += piece.length;
      if (left > 0) {
        left -= piece.length;
        tell(piece);
        continue;
      }
      header = Buffer.concat([header, piece]);
      if (header.length < HEADER) continue;
      tell = header[0] === STDERR ? onStderr : onStdout;
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  };
}
