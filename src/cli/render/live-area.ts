import { createLogUpdate } from 'log-update';
import type { Output } from '../io.ts';

/** The last lines of a terminal, drawn again and again. */
export interface LiveArea {
  draw(lines: readonly string[]): void;
  /** Writes lines that stay above the area. */
  persist(lines: readonly string[]): void;
  /** Ends the area; `keep` leaves its last drawing. */
  end(options: { readonly keep: boolean }): void;
}

export function liveArea(output: Output): LiveArea {
  if (!isWriteStream(output)) throw new Error('Cannot draw: there is no stream. This is a bug in plan.');
  const update = createLogUpdate(output);
  return {
    draw: (lines) => update(lines.join('\n')),
    persist(lines) {
      update.clear();
      output.write(lines.map((line) => `${line}\n`).join(''));
    },
    end({ keep }) {
      if (!keep) update.clear();
      update.done();
    },
  };
}

/** All that is asked of the stream is `write`, `columns` and `rows`. */
function isWriteStream(output: Output): output is Output & NodeJS.WriteStream {
  return typeof output.write === 'function';
}
