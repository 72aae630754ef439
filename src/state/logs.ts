import type { Mask } from '../mask.ts';

/** The local logs of scripts: `logs/<deployment>-<first 8 of uuid>/<machine>/<generation>-<step>-<attempt>.log`. */
export interface Logs {
  /**
   * Opens a log for a stream that is given from its first byte, even when it is given again: what the file already
   * has is skipped. `path` is relative to the state directory.
   */
  open(path: string, mask: Mask): LogFile;
}

export interface LogFile {
  /** Raw bytes of the script's output, in order. Never rejects and never throws: a failing disk is told by `end`. */
  write(chunk: Buffer): void;
  /** Flushes, closes, and answers the last 20 lines, masked. Rejects with `StateError` when writing failed. */
  end(): Promise<readonly string[]>;
  /** Rewrites the closed file with a mask that knows more (sensitive outputs), and answers its last lines. */
  scrub(mask: Mask): Promise<readonly string[]>;
}
