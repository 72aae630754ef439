import { commandOf } from '../../connection/argument.ts';
import { ConnectionError } from '../../connection/connection.ts';
import { LOGIN_SHELL_WORDS } from '../../connection/login-shell.ts';
import { quote } from '../../connection/shell-text.ts';

/** Another user begins at home, too. */
const AT_HOME = 'cd 2>/dev/null || cd /; unset OLDPWD; exec "$@"';

/**
 * The line for a login user's shell that runs words, which reach their program byte for byte, or without any the login
 * shell of another user. Null: that user's own. Throws `ConnectionError` for words that no machine can run.
 */
export function shellLine(words: readonly string[] | null, user: string | null): string | null {
  if (words === null && user === null) return null;
  for (const word of words ?? [])
    if (word.includes('\0'))
      throw new ConnectionError('failed', 'Cannot run a command: an argument holds a NUL character');
  if (words?.[0] === '') throw new ConnectionError('failed', 'Cannot run a command: its name is empty');
  if (user === null) return (words ?? []).map(shellWord).join(' ');
  return commandOf(user)(['sh', '-c', AT_HOME, 'sh', ...(words ?? LOGIN_SHELL_WORDS)]);
}

/** A word of a POSIX shell that stands for exactly this text. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : quote(text);
}
