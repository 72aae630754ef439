/** A line that is longer is broken, bytes. */
const LONGEST = 1024 * 1024;

const NEWLINE = 0x0a;

/** Cuts a stream into lines and puts something before each, so that the lines of several streams never mix. */
export interface Lines {
  /** Answers the lines that are whole by now. */
  push(chunk: Buffer): Buffer;
  /** The last line, ended. */
  end(): Buffer;
}

export function prefixedLines(prefix: string): Lines {
  const before = Buffer.from(prefix);
  let held: Buffer[] = [];
  let size = 0;

  function take(): Buffer {
    const line = Buffer.concat(held);
    held = [];
    size = 0;
    return line;
  }

  return {
    push(chunk) {
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        lines.push(before, take(), chunk.subarray(from, at + 1));
        from = at + 1;
      }
      if (from < chunk.length) {
        held.push(chunk.subarray(from));
        size += chunk.length - from;
      }
      if (size >= LONGEST) lines.push(before, take(), Buffer.of(NEWLINE));
      return Buffer.concat(lines);
    },
    end: () => (size === 0 ? Buffer.alloc(0) : Buffer.concat([before, take(), Buffer.of(NEWLINE)])),
  };
}
