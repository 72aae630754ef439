/** Replaces sensitive values by `***`, wherever in a text or a stream of bytes they stand. */
export interface Mask {
  text(text: string): string;
  /** A masked copy of a byte stream; a pure function of the bytes, however they are cut into chunks. */
  stream(): MaskStream;
  /** A mask that hides these values too. */
  with(values: Iterable<string>): Mask;
}

export interface MaskStream {
  /** What can be shown so far: bytes that might be the beginning of a sensitive value are held back. */
  push(chunk: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
}
