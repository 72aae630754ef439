import type { Mask } from '../../mask.ts';
import type { StepKind } from '../../step.ts';
import type { PerformContext } from './context.ts';

/** Tells a script's masked output line by line to whoever watches. */
export interface ShownLines {
  write(chunk: Buffer): void;
  end(): void;
  /** For a stream that is given again from its first byte: what was shown is skipped. */
  again(): ShownLines;
}

const SILENT: ShownLines = { write: () => undefined, end: () => undefined, again: () => SILENT };

export function showLines(
  machine: string,
  step: StepKind,
  mask: Mask,
  context: PerformContext,
  skip = 0,
): ShownLines {
  if (!context.wiring.showOutput) return SILENT;
  const stream = mask.stream();
  let rest = Buffer.alloc(0);
  let seen = 0;

  function show(bytes: Buffer): void {
    rest = Buffer.concat([rest, bytes]);
    const end = rest.lastIndexOf(0x0a);
    if (end !== -1) {
      tell(rest.subarray(0, end).toString().split('\n'));
      rest = rest.subarray(end + 1);
    }
  }

  function tell(lines: readonly string[]): void {
    const fresh = lines.slice(Math.max(0, skip - seen));
    seen += lines.length;
    if (fresh.length > 0) context.tell({ type: 'output', machine, step, lines: fresh });
  }

  return {
    write: (chunk) => {
      show(stream.push(chunk));
    },
    end: () => {
      show(stream.end());
      if (rest.length > 0) tell([rest.toString()]);
    },
    again: () => showLines(machine, step, mask, context, Math.max(skip, seen)),
  };
}
