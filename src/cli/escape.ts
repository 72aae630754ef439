import { Transform } from 'node:stream';

const [TILDE, DOT, CR, LF] = ['~', '.', '\r', '\n'].map((character) => character.charCodeAt(0));

/**
 * What is typed, with the escape that `ssh` has: `~.` at the beginning of a line calls `leave`, `~~` is a `~`. For a
 * machine that does not answer any more, while the terminal sends it even Ctrl-C.
 */
export function withEscape(leave: () => void): Transform {
  let isLineStart = true;
  let isHeld = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const passed: number[] = [];
      for (const byte of chunk) {
        if (isHeld) {
          isHeld = false;
          if (byte === DOT) {
            leave();
            break;
          }
          passed.push(Number(TILDE));
          if (byte === TILDE) {
            isLineStart = false;
            continue;
          }
        } else if (isLineStart && byte === TILDE) {
          isHeld = true;
          continue;
        }
        passed.push(byte);
        isLineStart = byte === CR || byte === LF;
      }
      done(null, Buffer.from(passed));
    },
  });
}
