import { ConnectionError } from './connection.ts';
import { IDENTIFY } from './argument-program.ts';
import type { CommandOf } from './upload.ts';
import { commandAs } from './switch-user.ts';

/** Linux takes no longer string as an argument, and a login shell gets the whole command line as one. */
const LINE_LIMIT = 128 * 1024;

/** A command as words, which reach the machine byte for byte, and who runs it; null: the login user. */
export interface Words {
  readonly words: readonly string[];
  readonly user: string | null;
}

/**
 * The command line that runs words as the leader of a process group of its own, in the home of whoever runs them. The
 * first that it prints is a line that begins with the nonce and tells the group; the rest is the command's.
 */
export function commandLine({ words, user }: Words, nonce: string): string {
  const [program = ''] = words;
  if (program === '') throw refused('its name is empty');
  if (program.startsWith('-')) throw refused(`no program is called "${program}"`);
  if (words.some((word) => word.includes('\0'))) throw refused('an argument holds a NUL character');
  const switched = user === null ? '' : 'switched';
  const line = commandOf(user)(['sh', '-c', 'eval "$1"', 'sh', IDENTIFY, nonce, switched, '', ...words]);
  const size = Buffer.byteLength(line);
  if (size >= LINE_LIMIT)
    throw refused(
      `it is ${size} bytes long, more than the ${LINE_LIMIT - 1} that Linux takes\nGive it what is long as its input, or as a file.`,
    );
  return line;
}

/** The command lines of a user; one that is none is refused. */
export function commandOf(user: string | null): CommandOf {
  return commandAs({ user });
}

function refused(why: string): ConnectionError {
  return new ConnectionError('failed', `Cannot run a command: ${why}`);
}
